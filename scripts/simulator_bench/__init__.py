"""Parts of the simulator's benchmark."""
