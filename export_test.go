package creche

import "os"

// Signal has a process hear sig that has no signals, as in a bubble. Like the
// system it drops one that nobody has taken note of yet.
func (a *App) Signal(sig os.Signal) {
	s := &a.life.signals
	heard := s.terminate
	if sig == os.Interrupt {
		heard = s.interrupt
	}
	select {
	case heard <- sig:
	default:
	}
}
