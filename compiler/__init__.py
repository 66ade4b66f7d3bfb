"""From the text of a spec to generated PyTorch code."""
