"""What generated code needs at run time."""
