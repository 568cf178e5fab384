// Package peers is the tests in which websocket clients that others wrote, a
// browser among them, drive the chat of the examples as it runs: in a module of
// its own, so that nobody who uses creche gets them. It takes Linux, and what
// needs_test.go has.
//
// Read scenario_test.go first: what each client does and has to see. Then
// clients_test.go says which there are, and link_test.go how the network between
// them and the chat listens in and goes away.
package peers
