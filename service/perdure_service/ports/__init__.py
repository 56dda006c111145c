"""What the application needs of the world, as Protocols; main wires the adapters in."""
