package errorhandlers

import (
	"math/bits"
	"reflect"
)

// typeTable finds the rules for a concrete type: a hash table with open
// addressing that is at most a quarter full. A look-up in it costs a third of
// one in a map, and in a chain there is one for each link. It is filled while
// a [Set] is compiled, and then only read.
type typeTable struct {
	slots []typeSlot // as many as a power of two
	shift int        // takes a hash down to an index
	used  int
}

type typeSlot struct {
	address uintptr // of the type
	rules   *typeRules
}

// typeRules are the rules for links of one concrete type: one look-up finds
// both the type's own and those of its sentinels.
type typeRules struct {
	rule      *Rule
	sentinels map[error]*Rule
}

// addressOf returns a number for the type, which as a key costs a third of
// what the type itself does. A type in use does not move, and those of rules
// are in use.
func addressOf(t reflect.Type) uintptr { return reflect.ValueOf(t).Pointer() }

// find returns the rules for the type at address, or nil.
func (t *typeTable) find(address uintptr) *typeRules {
	if t.used == 0 {
		return nil
	}
	return t.slots[t.place(address)].rules
}

// place returns the index of the type's slot, or of the empty one that it
// would have. Addresses are spread by a multiplication (Fibonacci hashing):
// their low bits are all alike.
func (t *typeTable) place(address uintptr) int {
	i := int(uint64(address) * 0x9e3779b97f4a7c15 >> t.shift)
	for {
		slot := &t.slots[i&(len(t.slots)-1)]
		if slot.address == address || slot.rules == nil {
			return i & (len(t.slots) - 1)
		}
		i++
	}
}

// add returns the rules for t, with room for some if there are none yet.
func (t *typeTable) add(typ reflect.Type) *typeRules {
	address := addressOf(typ)
	if of := t.find(address); of != nil {
		return of
	}
	if t.used++; 4*t.used > len(t.slots) {
		t.grow()
	}
	of := &typeRules{sentinels: make(map[error]*Rule)}
	t.slots[t.place(address)] = typeSlot{address, of}
	return of
}

func (t *typeTable) grow() {
	before := t.slots
	t.slots = make([]typeSlot, max(16, 2*len(before)))
	t.shift = 64 - bits.Len(uint(len(t.slots)-1))
	for _, slot := range before {
		if slot.rules != nil {
			t.slots[t.place(slot.address)] = slot
		}
	}
}
