"""Reading: what holds series, in whatever form, becomes arrays of numbers."""
