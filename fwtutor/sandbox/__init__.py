"""The lab without a lesson: a network of one's own, one's rules and packets, kept in one file that can be opened again."""
