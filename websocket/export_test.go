package websocket

// Keys returns how many rooms there are.
func (rs *Rooms) Keys() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.byKey)
}

// Inflate undoes the compression of a message.
func Inflate(src []byte, limit int64) ([]byte, error) { return inflate(nil, src, limit) }

// CompressedFrame returns the compressed frame that m keeps, or nil.
func CompressedFrame(m Message) []byte {
	if m.packed == nil {
		return nil
	}
	return m.packed.frame
}
