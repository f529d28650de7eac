CREATE TABLE clients (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  birth_date TEXT NOT NULL,
  birth_city TEXT NOT NULL
);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 124)
INSERT INTO clients (id, name, birth_date, birth_city)
SELECT i, 'Client ' || i, date('1960-01-01', '+' || (i * 97) || ' days'),
       CASE i % 4 WHEN 0 THEN 'Austin' WHEN 1 THEN 'Portland' WHEN 2 THEN 'Springfield' ELSE 'Columbus' END
FROM n;
