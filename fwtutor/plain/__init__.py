"""Plain mode: the lab as linear text, for screen readers, scripts and pipes: commands in, sentences out."""
