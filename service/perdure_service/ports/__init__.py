"""What the application needs of the world, as Protocols. Adapters implement them; main wires them."""
