"""What fail2ban knows: its settings, what a failure is, and how many are too many. Running it is ``services.fail2ban``'s."""
