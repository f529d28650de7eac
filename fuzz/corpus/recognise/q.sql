q.sql
CREATE TABLE clients (id INT PRIMARY KEY, email TEXT REFERENCES users(mail));
WITH c AS (SELECT * FROM "a"."b") INSERT INTO t (x) SELECT c.y FROM c LEFT JOIN `d` ON true WHERE z IN (SELECT 1 FROM e); -- from no
UPDATE t SET a = 'from no' FROM u; DELETE FROM [v]; SELECT * FROM {{ $json.t }} WHERE "x" = $1;
