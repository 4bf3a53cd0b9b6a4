"""Parts of the sizing benchmark."""
