"""Training data: readers of motion capture and of rendered pairs, and the maker of batches."""
