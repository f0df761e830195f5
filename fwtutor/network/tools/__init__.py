"""What can be typed at a host's prompt, one file for each kind of thing. ``registry`` has them all."""
