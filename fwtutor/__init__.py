"""An interactive terminal tutor for Linux stateful firewalls. Nothing is imported here, so that any part of it starts fast."""

__version__ = "0.1.0"
