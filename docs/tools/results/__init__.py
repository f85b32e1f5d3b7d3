"""Tables, sentences and figures of the tasks and of stored results."""
