-- What jitd wrote with layout 2, as a dump: the first of three events was archived.
PRAGMA journal_mode=WAL;
PRAGMA application_id=1785295972;
PRAGMA user_version=2;
CREATE TABLE events (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL
    ) STRICT;
INSERT INTO events VALUES(2,1000,'request.cancelled','{"id":"R-00000002","user":"bob"}',X'b75d0bf8e02da6bb4b5a29d1f7d12c99bd653792e5657b39ba9c08ba70eb148d',X'3209325f5c6142521917ad98eaf8aae9680a0f19ea4cbdeb1ffab697ec36125c');
INSERT INTO events VALUES(3,1000,'request.cancelled','{"id":"R-00000003","user":"carol"}',X'3209325f5c6142521917ad98eaf8aae9680a0f19ea4cbdeb1ffab697ec36125c',X'3d5de8091314b87c373d7e8cb888fd1425d1a167398e14360498dd8375712c5c');
INSERT INTO events VALUES(4,3000,'audit.pruned','{"by":"root","upto":2,"upto_hash":"3209325f5c6142521917ad98eaf8aae9680a0f19ea4cbdeb1ffab697ec36125c","before":"1970-01-01T00:00:02Z","archived":1,"kept":1,"kept_digest":"e3c41e382bfcf6aea963cd6098b75443198a3cf43f7c6e560b33c598e740bd5b"}',X'3d5de8091314b87c373d7e8cb888fd1425d1a167398e14360498dd8375712c5c',X'f6b9b644b731a852d6cf395b34de8e740a8a47ec77dd44b94107feac3a36f5f0');
CREATE TABLE about (id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id, seq)) STRICT, WITHOUT ROWID;
INSERT INTO about VALUES('R-00000002',2);
INSERT INTO about VALUES('R-00000003',3);
CREATE TABLE base (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL, hash BLOB NOT NULL, seqs TEXT NOT NULL) STRICT;
INSERT INTO base VALUES(1,3,X'3d5de8091314b87c373d7e8cb888fd1425d1a167398e14360498dd8375712c5c','[2,3]');
CREATE TABLE checkpoint (
        one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL, hash BLOB NOT NULL, kept INTEGER NOT NULL, kept_digest TEXT NOT NULL
    ) STRICT;
INSERT INTO checkpoint VALUES(1,2,X'3209325f5c6142521917ad98eaf8aae9680a0f19ea4cbdeb1ffab697ec36125c',1,'e3c41e382bfcf6aea963cd6098b75443198a3cf43f7c6e560b33c598e740bd5b');
