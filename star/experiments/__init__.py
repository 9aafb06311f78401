"""Ready experiments on what a training teaches."""
