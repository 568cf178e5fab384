package websocket

// Keys returns how many rooms there are.
func (rs *Rooms) Keys() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.byKey)
}
