package recipes

// The look-ups, for the same handler by hand.
var LookUpPrice, LookUpStock = lookUpPrice, lookUpStock
