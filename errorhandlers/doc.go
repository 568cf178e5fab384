// Package errorhandlers decides which rule answers an error.
//
// A [Rule] pairs a key (an error type, a sentinel, an HTTP status, a
// predicate) with an answer: a handler that writes the response, or a
// translation into another error. Rules are values. They are built by
// functions, checked all at once by [Compile], and pushed as a [Frame] by each
// sub-router; a [Search] then finds what answers an error, and in which order
// the alternatives are tried.
//
//	rules, err := errorhandlers.Compile(
//		errorhandlers.On(func(w http.ResponseWriter, r *http.Request, e *SoldOut) error {
//			http.Error(w, e.SKU+" is sold out", http.StatusConflict)
//			return nil
//		}),
//		errorhandlers.TranslateIs(sql.ErrNoRows, func(err error) error {
//			return &errorhandlers.Problem{Status: http.StatusNotFound, Err: err}
//		}),
//	)
//
// The nearest relatives are the error handlers of Flask and Quart. As there, a
// multi-error is searched leaf by leaf and the first leaf that somebody
// answers makes the response, so that [unhandled, 403] is a 403. Unlike there,
// a rule may ask for the whole group, the leaves that were not chosen can be
// told ([Answer.Rest]), and a handler that fails is not forgotten
// ([RuleError]).
//
// An error that no rule answers may answer for itself, if it carries a status:
// a [*Problem], a [StatusCarrier], and a few errors of the standard library
// and of package nursery (see [Answer.Problem]). Everything else is a plain
// 500 that shows nothing of the error's text.
//
// # Reading order
//
// Applications need [On], [OnIs], [Translate], [TranslateIs] and [Problem], and
// [Explanation] for their tests. Who answers errors elsewhere than in HTTP
// continues with [Key], [Compile] and [Matcher], and authors of adapters with
// [NewRule] and [Search].
package errorhandlers
