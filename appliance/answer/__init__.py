"""Answer (回答): what a guardian writes back to a mail of ours, and what comes of it.

Guardians live in their mail. Every mail of ours has a signed address for answers, so that an answer is bound
to the delivery it answers, and through it to an address. Owns the meaning of answers: `words` (a word or two
in nine languages), `form` and `classes` (the short form of the reply mail), `take` (what is done). It
guarantees:

- only mail from the very address that got the delivery counts; from any other nothing happens;
- nobody is withdrawn or moved by one mail: a letter asks, and only a yes to that letter does it;
- the form is used only if it came encrypted (R23), and never sent back;
- the same mail twice does it once.

Refuses to know how the mail arrived and how letters read. Fails with `AnswerStranger`, `BudgetSpent`,
`DatabaseUnavailable`; then nothing was changed.
"""

from appliance.answer.take import Answer, Done, Question, inquire, take

__all__ = ["Answer", "Done", "Question", "inquire", "take"]
