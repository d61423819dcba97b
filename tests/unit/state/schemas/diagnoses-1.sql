CREATE TABLE diagnosis (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    host TEXT NOT NULL,
    source TEXT NOT NULL,
    cause TEXT NOT NULL,
    line TEXT NOT NULL,
    resolved TEXT
);
CREATE INDEX diagnosis_by_cause ON diagnosis (cause, at);
INSERT INTO diagnosis VALUES (1, '2026-11-20T01:00:00+00:00', 'h', 's', 'disk-full', 'No space left on device', NULL);
INSERT INTO diagnosis VALUES (2, '2026-11-20T02:00:00+00:00', 'h', 't', 'port-in-use', 'Address already in use', '2026-11-20T03:00:00+00:00');
PRAGMA user_version = 1;
