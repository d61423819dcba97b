"""The typed answers of the verbs, a file a family, so that a verb imports no other's.

A verb that makes checks answers with a `Report`, whose `answer` has a type of this folder; the others answer with the
type itself. `airworthy.flows.documents` has them all, and the JSON documents that carry them.
"""
