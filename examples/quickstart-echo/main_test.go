package main

import (
	"testing"

	"github.com/creche-go/creche/examples/internal/shoptest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// N3, N9, E2, E6, E7, R1, R2, R6, R9: see the table in package shoptest.
func TestTheShopAnswers(t *testing.T) { shoptest.Answers(t, newServer) }

// R1
func TestManyAtOnce(t *testing.T) { shoptest.ManyAtOnce(t, newServer) }

// R5
func TestAClientThatLeavesCancelsItsLookUps(t *testing.T) { shoptest.ClientLeaves(t, newServer) }

// B1
func TestAStopWaitsForTheJob(t *testing.T) { shoptest.StopWaits(t, newServer) }

func TestTheProgramEndsWithAnExitCode(t *testing.T) { shoptest.Process(t) }
