"""Values: messages, requests, events, replies, usage, signals, errors. No I/O, standard library only."""
