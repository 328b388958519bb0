-- What stands at the destination of each delivery, settled by whichever of its
-- runs, until it is removed. Intents are forgotten when a run starts over.
CREATE TABLE standing (
    delivery TEXT NOT NULL REFERENCES deliveries (id),
    key      TEXT NOT NULL,
    object   TEXT NOT NULL,
    PRIMARY KEY (delivery, key)
) STRICT, WITHOUT ROWID;

INSERT OR REPLACE INTO standing (delivery, key, object)
SELECT delivery, key, object FROM intents WHERE settled AND object IS NOT NULL;

-- The artifact's role: data, manifest or success file.
ALTER TABLE intents ADD COLUMN role TEXT NOT NULL DEFAULT '';
