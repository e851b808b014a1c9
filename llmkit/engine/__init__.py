"""One call, done properly: the I/O thread, the stream that crosses it, and the path of a call."""
