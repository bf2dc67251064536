"""The parts of a training run: its configuration, losses, optimisers, and what several processes share."""
