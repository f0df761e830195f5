"""What servers say, one file for each kind. ``registry`` starts them."""
