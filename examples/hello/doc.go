// Command hello is the program that the README shows: one route of net/http
// whose two look-ups run in a nursery.
package main
