-- What a node received, for the log: of the items whose inputs are kept, and of every step that failed.

alter table steps add column input text;
