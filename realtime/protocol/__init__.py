"""The OpenAI Realtime protocol as pure objects: events in, events and effects out. No await, clock, numpy or I/O."""
