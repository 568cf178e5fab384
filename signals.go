package creche

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// repetition is how soon after a signal the same one is that wish once more.
// Who passes signals on may send them twice: coreutils' timeout does, to the
// program and then to its group, and so does a parent to those whom the terminal
// has told already. A key that is held down repeats sooner than that, too.
const repetition = 100 * time.Millisecond

// signals are those that ask for the stop, and how many wishes they were. Each of
// the two has a channel with room for one: whatever comes in a burst, one of them
// is there, and none for the other is lost.
type signals struct {
	interrupt, terminate chan os.Signal

	wishes int
	last   os.Signal
	until  time.Time // it may be repeated
	lapsed bool      // that is over
}

func (s *signals) init() {
	s.interrupt, s.terminate = make(chan os.Signal, 1), make(chan os.Signal, 1)
	s.lapsed = true
}

// listen keeps the signals of the process from killing it.
func (s *signals) listen() {
	signal.Notify(s.interrupt, os.Interrupt)
	signal.Notify(s.terminate, syscall.SIGTERM)
}

// stop makes the signals the system's again.
func (s *signals) stop() {
	signal.Stop(s.interrupt)
	signal.Stop(s.terminate)
}

// hear takes note of a signal.
func (s *signals) hear(sig os.Signal) {
	if sig != s.last || s.over() {
		s.wishes++
	}
	s.last, s.lapsed = sig, false
	s.until = time.Now().Add(repetition)
}

// lapses is sent to when lapse is to be called, and nil once it need not be.
func (s *signals) lapses() <-chan time.Time {
	if s.lapsed {
		return nil
	}
	return time.After(time.Until(s.until))
}

// lapse ends the time in which the last signal may be repeated, or begins it anew.
func (s *signals) lapse() {
	s.lapsed = s.over()
	s.until = time.Now().Add(repetition)
}

// over reports whether the last signal can no longer be repeated. That its time
// ended a while ago, and is noticed now, does not say so: the process has stood
// still, and hears only now what was sent before. (When that was nobody tells.)
func (s *signals) over() bool {
	late := time.Since(s.until)
	return s.lapsed || late >= 0 && late < repetition/2
}

// second waits for the second wish, and returns false if ctx ends first. Then the
// next signal is the system's, and kills: another one from now on, and the same
// one when settle has returned.
func (s *signals) second(ctx context.Context) bool {
	for s.wishes < 2 {
		select {
		case sig := <-s.interrupt:
			s.hear(sig)
		case sig := <-s.terminate:
			s.hear(sig)
		case <-s.lapses():
			s.lapse()
		case <-ctx.Done():
			return false
		}
	}
	_, other := s.ofLast()
	signal.Stop(other)
	return true
}

// settle waits until the last signal is no longer repeated, or ctx ends.
func (s *signals) settle(ctx context.Context) {
	same, _ := s.ofLast()
	defer signal.Stop(same)
	for !s.lapsed {
		select {
		case sig := <-same:
			s.hear(sig)
		case <-s.lapses():
			s.lapse()
		case <-ctx.Done():
			return
		}
	}
}

// ofLast returns the channel of the last signal and that of the other one.
func (s *signals) ofLast() (same, other chan os.Signal) {
	if s.last == os.Interrupt {
		return s.interrupt, s.terminate
	}
	return s.terminate, s.interrupt
}
