"""Activity 25, the producer/consumer exercise: an example, and a client like any other."""
