PRAGMA application_id = 1095324247;
PRAGMA user_version = 2;
CREATE TABLE diagnosis (id INTEGER PRIMARY KEY, at TEXT NOT NULL, host TEXT NOT NULL, source TEXT NOT NULL, cause TEXT NOT NULL, line TEXT NOT NULL, resolved TEXT);
CREATE INDEX diagnosis_by_cause ON diagnosis (cause, at);
INSERT INTO diagnosis VALUES (1, '2026-11-20T01:00:00+00:00', 'h', 's', 'disk-full', 'No space left on device', NULL);
INSERT INTO diagnosis VALUES (2, '2026-11-20T02:00:00+00:00', 'h', 't', 'port-in-use', 'Address already in use', '2026-11-20T03:00:00+00:00');
CREATE TABLE profile (key TEXT PRIMARY KEY, at TEXT NOT NULL, value TEXT NOT NULL);
INSERT INTO profile VALUES ('0123456789abcdef0123456789abcdef', '2026-11-20T01:00:00+00:00', '{"lanes":2,"batch":256,"points":[[8.0,0.0037],[24.0,0.0071],[256.0,0.0575]]}');
