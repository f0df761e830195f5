"""What sshd, ssh and those who guess passwords share: the messages, and what is in their files."""
