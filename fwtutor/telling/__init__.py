"""What is told of a place in a run, in words and rows, for the application's panes and for plain mode alike. Nothing here draws."""
