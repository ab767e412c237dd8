/*
title = "Intercom"
keeps = "every part of a conversation (replies, closing, opening again), dated ratings; versions from the connector's first day on"
loses = "what companies and contacts were before the first load; plans and spend are left out, they say too little"
aside = ["admin", "article", "collection", "help_center", "tag", "team"]

[objects.company]
names = ["company", "companies", "company_history"]
needs = ["company_id", "name", "created_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = []
text.company_id = []
text.name = ["Company name"]
text.industry = ["Company industry"]
text.website = ["Company website"]
text.segment = ["custom_segment", "custom_attributes.segment"]
text.country = ["custom_country", "custom_attributes.country"]
text.crm_id = ["custom_salesforce_id", "custom_attributes.salesforce_id", "custom_attributes.hubspot_id"]
number.size = ["Company size"]
time.created_at = ["Company created at"]
time.updated_at = []

[objects.contact]
names = ["contact", "contacts", "contact_history", "users", "leads"]
needs = ["id", "email", "role"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = []
text.external_id = ["user_id"]
text.email = []
text.name = []
text.role = []
text.title = ["custom_job_title", "custom_attributes.job_title"]
text.company_id = ["companies.data[0].id", "companies.companies[0].id"]
time.created_at = []
time.updated_at = []

[objects.contact_company]
names = ["contact_company", "contact_companies", "contact_company_history"]
needs = ["contact_id", "company_id"]
key = ["contact_id", "company_id"]
text.contact_id = []
text.company_id = []

[objects.conversation]
names = ["conversation", "conversations", "conversation_history"]
needs = ["id", "state", "created_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = []
text.state = []
text.priority = []
text.title = []
text.category = ["custom_category", "custom_attributes.category"]
text.source_type = ["source.type"]
text.source_subject = ["source.subject"]
text.source_body = ["source.body"]
text.source_author_id = ["source.author.id"]
text.source_author_type = ["source.author.type"]
text.contact_id = ["contacts.contacts[0].id"]
number.rating = ["conversation_rating_value", "conversation_rating.rating"]
number.reopens = ["statistics.count_reopens"]
time.rated_at = ["conversation_rating_created_at", "conversation_rating.created_at"]
time.replied_at = ["statistics.first_admin_reply_at"]
time.answered_at = ["first_contact_reply.created_at"]
time.closed_at = ["statistics.last_close_at"]
time.created_at = []
time.updated_at = []

[objects.conversation_contact]
names = ["conversation_contact", "conversation_contacts", "conversation_contact_history"]
needs = ["conversation_id", "contact_id"]
key = ["conversation_id", "contact_id"]
text.conversation_id = []
text.contact_id = []

[objects.part]
names = ["conversation_part", "conversation_parts", "conversation_part_history"]
needs = ["id", "conversation_id", "part_type"]
inside = { object = "conversation", path = "conversation_parts.conversation_parts" }
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = []
text.conversation_id = []
text.part_type = []
text.author_id = ["author.id"]
text.author_type = ["author.type"]
text.body = []
time.created_at = []
time.updated_at = []
*/
-- table: accounts
WITH told AS (
  SELECT coalesce(id, company_id) AS id, _seen AS changed_at, _basis AS basis, name, segment, industry, country, size, _deleted AS deleted FROM company WHERE _seen IS NOT NULL
  UNION ALL
  SELECT coalesce(id, company_id), min(created_at), 'created', arg_max(name, coalesce(_seen, created_at)), NULL, NULL, NULL, NULL, false
  FROM company WHERE created_at IS NOT NULL GROUP BY ALL
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    max(name) AS name, max(segment) AS segment, max(industry) AS industry, max(country) AS country, max(size) AS employees, bool_or(deleted) AS deleted
  FROM told GROUP BY id, changed_at
), version AS (
  SELECT * FROM merged WHERE id IS NOT NULL WINDOW own AS (PARTITION BY id ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(name, segment, industry, country, employees, deleted) IS DISTINCT FROM lag(ROW(name, segment, industry, country, employees, deleted)) OVER own
)
SELECT id || ':' || epoch_us(changed_at) AS source_id, id AS account_id, changed_at AS known_at, basis AS known_basis, changed_at AS valid_from,
  name, segment, industry, country, employees, deleted
FROM version
-- table: people
WITH belongs AS (
  SELECT contact_id, min(company_id) AS company_id FROM contact_company GROUP BY contact_id
), told AS (
  SELECT id, _seen AS changed_at, _basis AS basis, CASE WHEN lower(role) = 'user' THEN 'user' ELSE 'contact' END AS role, title, _deleted AS deleted
  FROM contact WHERE _seen IS NOT NULL
  UNION ALL
  SELECT id, min(created_at), 'created', CASE WHEN lower(arg_min(role, coalesce(_seen, created_at))) = 'user' THEN 'user' ELSE 'contact' END, NULL, false
  FROM contact WHERE created_at IS NOT NULL GROUP BY id
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    max(role) AS role, max(title) AS title, bool_or(deleted) AS deleted
  FROM told GROUP BY id, changed_at
), span AS (
  SELECT * FROM merged WHERE id IS NOT NULL WINDOW own AS (PARTITION BY id ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(role, title, deleted) IS DISTINCT FROM lag(ROW(role, title, deleted)) OVER own
), lasting AS (
  SELECT *, lead(changed_at) OVER (PARTITION BY id ORDER BY changed_at) AS until FROM span
)
SELECT s.id || ':' || epoch_us(s.changed_at) AS source_id, coalesce(c.company_id, b.company_id) AS account_id, s.id AS person_id, c.email AS _email, s.role,
  s.changed_at AS known_at, s.basis AS known_basis, s.changed_at AS valid_from, s.until AS valid_to, s.title, s.deleted
FROM lasting s LEFT JOIN (SELECT id, max(email) AS email, arg_max(company_id, coalesce(_seen, created_at)) AS company_id FROM contact GROUP BY id) c ON c.id = s.id
LEFT JOIN belongs b ON b.contact_id = s.id
-- table: tickets
WITH latest AS (
  SELECT * FROM conversation QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, updated_at DESC NULLS LAST, state) = 1
), asked AS ( -- what we send out ourselves is no ticket
  SELECT * FROM latest WHERE coalesce(source_author_type, 'user') IN ('user', 'lead', 'contact', 'bot')
), word AS (
  SELECT id, conversation_id, part_type, author_type, author_id, body, min(created_at) AS created_at FROM part GROUP BY ALL
), move AS (
  SELECT conversation_id AS id, created_at AS changed_at, min(CASE WHEN part_type = 'close' THEN 'closed' ELSE 'open' END) AS state
  FROM word WHERE created_at IS NOT NULL AND (part_type IN ('close', 'open') OR (part_type = 'comment' AND author_type IN ('user', 'lead', 'contact')))
  GROUP BY ALL
), traced AS (
  SELECT DISTINCT id FROM move WHERE state = 'closed'
), told AS (
  SELECT id, changed_at, 'history' AS basis, state, NULL AS priority, NULL AS category, NULL::DOUBLE AS reopens, NULL::BOOLEAN AS deleted FROM move
  UNION ALL
  SELECT c.id, c._seen, c._basis, CASE WHEN t.id IS NULL THEN lower(c.state) END, c.priority, c.category, c.reopens, c._deleted
  FROM conversation c LEFT JOIN traced t ON t.id = c.id WHERE c._seen IS NOT NULL
  UNION ALL
  SELECT id, created_at, 'created', 'open', NULL, NULL, NULL, NULL FROM asked WHERE created_at IS NOT NULL
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    min(state) AS state, max(priority) AS priority, max(category) AS category, max(reopens) AS reopens, bool_or(deleted) AS deleted
  FROM told WHERE id IN (SELECT id FROM asked) GROUP BY id, changed_at
), held AS (
  SELECT id, changed_at, basis, coalesce(last_value(state IGNORE NULLS) OVER upto = 'closed', false) AS done, last_value(priority IGNORE NULLS) OVER upto AS priority,
    last_value(category IGNORE NULLS) OVER upto AS category, last_value(reopens IGNORE NULLS) OVER upto AS reopens,
    coalesce(last_value(deleted IGNORE NULLS) OVER upto, false) AS deleted
  FROM merged WINDOW upto AS (PARTITION BY id ORDER BY changed_at ROWS UNBOUNDED PRECEDING)
), turn AS (
  SELECT *, coalesce(lag(done) OVER (PARTITION BY id ORDER BY changed_at), false) AS was_done FROM held
), read AS (
  SELECT t.id, t.changed_at, t.basis, t.priority, t.category, t.deleted, min(t.changed_at) OVER upto AS began_at,
    CASE WHEN x.id IS NULL AND l.state = 'closed' AND l.closed_at IS NOT NULL THEN greatest(l.closed_at, l.created_at)
      WHEN t.done THEN last_value(CASE WHEN t.done AND NOT t.was_done THEN t.changed_at END IGNORE NULLS) OVER upto END AS solved_at,
    CASE WHEN x.id IS NOT NULL THEN count(*) FILTER (t.was_done AND NOT t.done) OVER upto ELSE t.reopens END AS reopens
  FROM turn t JOIN asked l ON l.id = t.id LEFT JOIN traced x ON x.id = t.id
  WINDOW upto AS (PARTITION BY t.id ORDER BY t.changed_at ROWS UNBOUNDED PRECEDING)
), version AS (
  SELECT * FROM read WINDOW own AS (PARTITION BY id ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(priority, category, deleted, solved_at, reopens) IS DISTINCT FROM lag(ROW(priority, category, deleted, solved_at, reopens)) OVER own
), replied AS (
  SELECT w.conversation_id AS id, min(w.created_at) AS replied_at FROM word w JOIN asked a ON a.id = w.conversation_id
  WHERE w.author_type = 'admin' AND w.part_type IN ('comment', 'close', 'open', 'assignment') AND w.body IS NOT NULL AND w.created_at > a.created_at GROUP BY ALL
), rated AS ( -- a rating without a date is known from the first load on that has it
  SELECT id, arg_max(rating, coalesce(_seen, updated_at, created_at)) AS rating, arg_max(rated_at, coalesce(_seen, updated_at, created_at)) AS rated_at, min(_seen) AS rating_seen
  FROM conversation WHERE rating BETWEEN 1 AND 5 GROUP BY id
), person AS (
  SELECT conversation_id, min(contact_id) AS contact_id FROM conversation_contact GROUP BY conversation_id
), belongs AS (
  SELECT contact_id, min(company_id) AS company_id FROM contact_company GROUP BY contact_id
), who AS (
  SELECT id, max(email) AS email, arg_max(company_id, coalesce(_seen, created_at)) AS company_id FROM contact GROUP BY id
), asker AS (
  SELECT a.id, coalesce(CASE WHEN a.source_author_type IN ('user', 'lead', 'contact') THEN a.source_author_id END, a.contact_id, p.contact_id) AS person_id
  FROM asked a LEFT JOIN person p ON p.conversation_id = a.id
)
SELECT v.id || ':' || epoch_us(v.changed_at) AS source_id, v.id AS ticket_id, coalesce(w.company_id, b.company_id) AS account_id, k.person_id, w.email AS _email,
  v.changed_at AS known_at, v.basis AS known_basis, coalesce(least(a.created_at, v.began_at), v.changed_at) AS opened_at, coalesce(r.replied_at, a.replied_at) AS first_reply_at,
  v.solved_at, v.reopens, v.priority, v.category, a.source_type AS channel,
  CASE WHEN s.rated_at IS NOT NULL OR v.changed_at >= s.rating_seen THEN (s.rating - 1) / 4 END AS satisfaction, s.rated_at AS satisfaction_at,
  coalesce(without_html(a.source_subject), a.title) AS subject, without_html(a.source_body) AS body, v.deleted
FROM version v JOIN asked a ON a.id = v.id JOIN asker k ON k.id = v.id LEFT JOIN replied r ON r.id = v.id LEFT JOIN rated s ON s.id = v.id
LEFT JOIN who w ON w.id = k.person_id LEFT JOIN belongs b ON b.contact_id = k.person_id
-- table: touchpoints
WITH latest AS (
  SELECT * FROM conversation QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, updated_at DESC NULLS LAST, state) = 1
), person AS (
  SELECT conversation_id, min(contact_id) AS contact_id FROM conversation_contact GROUP BY conversation_id
), belongs AS (
  SELECT contact_id, min(company_id) AS company_id FROM contact_company GROUP BY contact_id
), who AS (
  SELECT id, max(email) AS email, arg_max(company_id, coalesce(_seen, created_at)) AS company_id FROM contact GROUP BY id
), asker AS (
  SELECT a.id, coalesce(CASE WHEN a.source_author_type IN ('user', 'lead', 'contact') THEN a.source_author_id END, a.contact_id, p.contact_id) AS person_id
  FROM latest a LEFT JOIN person p ON p.conversation_id = a.id
), word AS (
  SELECT * FROM part WHERE created_at IS NOT NULL AND id IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY conversation_id, id ORDER BY _seen DESC NULLS LAST, updated_at DESC NULLS LAST, body) = 1
), answered AS (
  SELECT w.conversation_id AS id, min(w.created_at) AS answered_at FROM word w WHERE w.author_type IN ('user', 'lead', 'contact') GROUP BY ALL
), said AS (
  SELECT 'conversation:' || c.id AS source_id, c.id AS conversation_id, c.created_at AS said_at, CASE WHEN c.source_author_type = 'admin' THEN 'outreach' ELSE 'message' END AS kind,
    CASE WHEN c.source_author_type = 'admin' THEN 'out' ELSE 'in' END AS direction, c.source_author_id AS author_id, c.source_body AS body,
    CASE WHEN c.source_author_type = 'admin' THEN coalesce(n.answered_at, c.answered_at) END AS replied_at
  FROM latest c LEFT JOIN answered n ON n.id = c.id
  WHERE c.created_at IS NOT NULL AND c.source_author_type IN ('user', 'lead', 'contact', 'admin')
  UNION ALL
  SELECT 'part:' || id, conversation_id, created_at, 'message', CASE WHEN author_type = 'admin' THEN 'out' ELSE 'in' END, author_id, body, NULL
  FROM word WHERE author_type IN ('user', 'lead', 'contact', 'admin') AND body IS NOT NULL AND part_type NOT IN ('note', 'note_and_reopen')
)
SELECT s.source_id, coalesce(w.company_id, b.company_id) AS account_id, coalesce(CASE WHEN s.direction = 'in' THEN s.author_id END, k.person_id) AS person_id, w.email AS _email,
  s.said_at AS known_at, 'event' AS known_basis, s.said_at AS occurred_at, s.kind, 'conversation' AS subtype, s.direction,
  CASE WHEN s.direction = 'out' THEN s.author_id END AS owner, s.conversation_id AS ref_id, s.replied_at, without_html(s.body) AS text
FROM said s LEFT JOIN asker k ON k.id = s.conversation_id
LEFT JOIN who w ON w.id = coalesce(CASE WHEN s.direction = 'in' THEN s.author_id END, k.person_id)
LEFT JOIN belongs b ON b.contact_id = coalesce(CASE WHEN s.direction = 'in' THEN s.author_id END, k.person_id)
-- table: identities
SELECT 'account' AS kind, coalesce(id, company_id) AS source_key, NULL AS account_key, company_id AS external_id, crm_id, NULL AS email, site_domain(website) AS domain, name FROM company
UNION ALL
SELECT 'person', c.id, coalesce(c.company_id, b.company_id), c.external_id, NULL, c.email, NULL, c.name
FROM contact c LEFT JOIN (SELECT contact_id, min(company_id) AS company_id FROM contact_company GROUP BY contact_id) b ON b.contact_id = c.id
