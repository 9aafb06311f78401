"""People label a sample of the responses, and the reader's figures are checked against them."""
