package nursery

// RollLength returns how many records are on n's roll.
func (n *Nursery) RollLength() (length int) {
	n.walkRoll(func(*task) { length++ })
	return length
}
