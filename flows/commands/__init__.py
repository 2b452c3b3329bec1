"""One file a command: reads its options, calls the application, prints. No logic of its own."""
