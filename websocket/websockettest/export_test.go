package websockettest

// Accept is what a server answers to a key.
func Accept(key string) string { return accept(key) }
