"""Rules of team labelling: who belongs to a task, how samples are allotted, and how judgements change their state."""
