"""What happens because time passes: one service per file."""
