ALTER TABLE clients ADD COLUMN birth_state TEXT;
