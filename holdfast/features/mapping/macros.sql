-- What the SELECTs of all adapters may use, beside DuckDB's own functions.

-- Money from minor to major units; currencies without or with three decimals are exceptions.
CREATE OR REPLACE MACRO major(amount, currency) AS
  amount / CASE
    WHEN upper(currency) IN ('BIF','CLP','DJF','GNF','JPY','KMF','KRW','MGA','PYG','RWF','UGX','VND','VUV','XAF','XOF','XPF') THEN 1
    WHEN upper(currency) IN ('BHD','JOD','KWD','OMR','TND') THEN 1000
    ELSE 100 END;

-- An amount per period as an amount per month.
CREATE OR REPLACE MACRO monthly(amount, period, periods) AS
  amount / coalesce(periods, 1) * CASE lower(period)
    WHEN 'day' THEN 365.0 / 12 WHEN 'week' THEN 365.0 / 84 WHEN 'month' THEN 1 WHEN 'quarter' THEN 1.0 / 3 WHEN 'year' THEN 1.0 / 12 END;

CREATE OR REPLACE MACRO months_of(period, periods) AS
  coalesce(periods, 1) * CASE lower(period) WHEN 'day' THEN 12.0 / 365 WHEN 'week' THEN 84.0 / 365 WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 END;

-- The domain of a mail address or web site, without www; NULL for providers that anybody uses.
CREATE OR REPLACE MACRO own_domain(name) AS
  CASE WHEN name NOT LIKE '%.%' OR name IN (
    '126.com','163.com','aon.at','arcor.de','att.net','bigpond.com','bluewin.ch','bol.com.br','btinternet.com','chello.at','comcast.net','daum.net',
    'email.de','free.fr','freenet.de','hanmail.net','hey.com','laposte.net','libero.it','live.co.uk','live.com','live.de','live.fr','live.it','live.nl',
    'mail.com','mail.de','mail.ru','mailbox.org','me.com','naver.com','o2.pl','onet.pl','orange.fr','posteo.de','qq.com','rediffmail.com','sbcglobal.net',
    'seznam.cz','sfr.fr','t-online.de','uol.com.br','verizon.net','virgilio.it','wanadoo.fr','web.de','wp.pl'
  ) OR regexp_matches(name, '^(aol|fastmail|gmail|gmx|googlemail|hotmail|icloud|msn|outlook|proton|protonmail|rocketmail|tutanota|yahoo|yandex|ymail|zohomail)\.(co\.|com\.)?\w{2,4}$')
  THEN NULL ELSE name END;
CREATE OR REPLACE MACRO mail_domain(email) AS
  own_domain(nullif(lower(trim(regexp_extract(trim(email), '^[^@\s]+@([^@\s>]+)$', 1))), ''));
CREATE OR REPLACE MACRO site_domain(url) AS
  own_domain(nullif(regexp_replace(lower(regexp_extract(trim(url), '^(?:[a-zA-Z]+://)?([^/\s:?#@]+)', 1)), '^www\.', ''), ''));

-- Text without markup.
CREATE OR REPLACE MACRO without_html(body) AS
  nullif(trim(regexp_replace(replace(replace(replace(replace(regexp_replace(body, '<[^>]*>', ' ', 'g'), '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&amp;', '&'), '\s+', ' ', 'g')), '');

-- What kind of use an event is, by its name; what says nothing else is the use of a feature.
CREATE OR REPLACE MACRO usage_kind(event) AS
  CASE -- most names say nothing, which one look tells
    WHEN NOT regexp_matches(lower(event), 'log|sign|session|anmeld|integration|fail|abort|fehl|complet|finish|done|abgeschl|fertig|start|begun|begonnen|api') THEN 'feature'
    WHEN regexp_matches(lower(event), '(^|[^a-z])(log(ged)?[ _-]?in|login|sign(ed)?[ _-]?in|session[ _-]?start(ed)?|eingeloggt|anmeldung)($|[^a-z])')
      AND NOT regexp_matches(lower(event), 'fail|error|fehl') THEN 'login'
    WHEN regexp_matches(lower(event), 'integration') AND regexp_matches(lower(event), '(remov|disconnect|disabl|delet|getrennt)') THEN 'integration_off'
    WHEN regexp_matches(lower(event), 'integration') AND regexp_matches(lower(event), '(add|connect|enabl|creat|instal|verbunden)') THEN 'integration_on'
    WHEN regexp_matches(lower(event), '(^|[^a-z])(failed|failure|aborted|fehlgeschlagen)$') THEN 'flow_fail'
    WHEN regexp_matches(lower(event), '(^|[^a-z])(completed|finished|done|abgeschlossen|fertiggestellt)$') THEN 'flow_done'
    WHEN regexp_matches(lower(event), '(^|[^a-z])(started|begun|begonnen|gestartet)$') THEN 'flow_start'
    WHEN regexp_matches(lower(event), '(^|[^a-z])api([^a-z]|$)') THEN 'api'
    ELSE 'feature' END;

-- A rating on whatever scale, by its greatest value, as a share of the best.
CREATE OR REPLACE MACRO rating_share(rating, greatest) AS
  CASE WHEN greatest <= 1 THEN rating WHEN greatest <= 5 THEN greatest(rating - 1, 0) / 4 WHEN greatest <= 10 THEN rating / 10 WHEN greatest <= 100 THEN rating / 100 END;

-- The instant that a text names: ISO, or seconds or milliseconds since 1970.
CREATE OR REPLACE MACRO instant(text) AS
  CASE WHEN regexp_matches(text, '^\d{9,10}(\.\d+)?$') THEN make_timestamptz((TRY_CAST(text AS DOUBLE) * 1000000)::BIGINT)
    WHEN regexp_matches(text, '^\d{12,13}$') THEN make_timestamptz(TRY_CAST(text AS BIGINT) * 1000)
    ELSE TRY_CAST(text AS TIMESTAMPTZ) END;

-- The account among the groups of an event, such as {"company": ["acme"]}: by the name of its kind, or when there is but one kind.
CREATE OR REPLACE MACRO group_kind(groups) AS
  coalesce(
    list_min(list_filter(json_keys(groups), lambda name: regexp_matches(lower(name), 'account|company|organi[sz]ation|^org|customer|tenant'))),
    list_min(list_filter(json_keys(groups), lambda name: regexp_matches(lower(name), 'workspace|team'))),
    CASE WHEN len(json_keys(groups)) = 1 THEN json_keys(groups)[1] END);
CREATE OR REPLACE MACRO group_key(groups) AS
  CASE WHEN groups LIKE '{_%:%' THEN coalesce(
    json_extract_string(TRY_CAST(groups AS JSON), '$."' || group_kind(TRY_CAST(groups AS JSON)) || '"[0]'),
    json_extract_string(TRY_CAST(groups AS JSON), '$."' || group_kind(TRY_CAST(groups AS JSON)) || '"')) END;

-- The first of some places in a JSON text that holds something.
CREATE OR REPLACE MACRO first_of(json, paths) AS
  list_filter(json_extract_string(CASE WHEN json LIKE '{_%' THEN TRY_CAST(json AS JSON) END, paths), lambda found: found <> '')[1];
