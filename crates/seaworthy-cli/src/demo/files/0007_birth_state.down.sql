ALTER TABLE clients DROP COLUMN birth_state;
