"""What generated code needs at run time, and what runs it."""
