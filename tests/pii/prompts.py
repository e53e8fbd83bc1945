"""Labelled prompts in four languages: 600 a set, drawn from a seed.

`FIRST`, `SECOND` and `THIRD` were looked at while the recognisers were worked on; `HELD_OUT` has other sentences,
another seed, and was not: what is published is measured on it. One person wrote them all.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tests.pii.values import NEGATIVE, positive

LANGUAGES: Final = ("en", "de", "fr", "es")
PER_LANGUAGE: Final = 150
_SLOT: Final = re.compile(r"\{(\w+)\}")


class Label(Struct, frozen=True, order=True):
    start: int
    end: int
    entity: str


class Prompt(Struct, frozen=True):
    language: str
    text: str
    labels: tuple[Label, ...]


class Templates(Struct, frozen=True):
    """Sentences by language; a slot is an entity's name or a negative's."""

    seed: int
    sentences: Mapping[str, Sequence[str]]


def prompts(templates: Templates) -> Iterator[Prompt]:
    """Every sentence equally often, each time with other values."""
    rng = random.Random(templates.seed)
    for language in LANGUAGES:
        sentences = templates.sentences[language]
        for number in range(PER_LANGUAGE):
            yield _filled(sentences[number % len(sentences)], language, rng)


def _filled(sentence: str, language: str, rng: random.Random) -> Prompt:
    entities, text, labels, at = positive(language), "", [], 0
    for slot in _SLOT.finditer(sentence):
        text += sentence[at : slot.start()]
        name = slot[1]
        value = (entities.get(name) or NEGATIVE[name])(rng)
        if name in entities:
            labels.append(Label(len(text), len(text) + len(value), name))
        text += value
        at = slot.end()
    return Prompt(language, text + sentence[at:], tuple(labels))


FIRST: Final = Templates(
    20261124,
    {
        "en": (
            "Hi, please update my address book: {email} and {phone}. Thanks!",
            "The customer paid with {credit_card}, exp 11/29, for order {order}.",
            "Summarise this ticket: user {email} reports that login from {ip_address} fails since {date}.",
            "My social security number is {us_ssn}, can you fill in the W-9?",
            "Employee file\nName: Jane Roe\nSSN: {us_ssn}\nPhone: {phone}\nStart: {date}",
            "export OPENAI_API_KEY={api_key}\nexport REGION=eu-west-1",
            "Why does curl -H 'Authorization: Bearer {api_key}' return 401?",
            "Please transfer 250 EUR to {iban} before {date}.",
            "Patient's NHS number: {national_id}, referred on {date}.",
            "Our supplier's VAT number is {vat}; the invoice total is {figure}.",
            "Call me on {phone} or on my mobile {phone} after five.",
            '{ip_address} - - [22/Nov/2026:10:30:45] "GET /v{version}/users/{hash}" 200',
            "Write a reply to {email} about order {order}, shipped {date}.",
            "Upgrade from version {version} to {version}; the checksum is {hash}.",
            "The build {uuid} of {date} took {figure} ms.",
            "Is {bad_card} a valid card number? My validator says no.",
            "Item {product} replaces item {product}, order {order}.",
            "The account {bad_iban} was rejected: wrong check digits.",
            "An SSN such as {bad_ssn} cannot exist. Why?",
            "Revenue was {figure} in Q3 and {figure} in Q4, see report {order}.",
            '{"customer": "{email}", "card": "{credit_card}", "order": "{order}"}',
            "Release notes {version}: fixes issue {order}, commit {hash}.",
            "name,email,phone\nroe,{email},{phone}\nnn,{email},{phone}",
            "Fax {phone}, ref. {order}, dated {date}.",
            "Which of {hash} and {uuid} is the trace id? Order {order}.",
        ),
        "de": (
            "Bitte rufen Sie Frau Keller unter {phone} zur\u00fcck, sie hat die Bestellung {order} reklamiert.",
            "Schreib eine H\u00f6flichkeitsmail an {email} wegen der Lieferung vom {date}.",
            "Meine IBAN lautet {iban}, bitte \u00fcberweisen Sie den Betrag von {figure} EUR.",
            "Steuer-ID: {national_id}, geboren am {date}.",
            "Unsere USt-IdNr. ist {vat}, die Rechnung {order} liegt bei.",
            "Die Kreditkarte {credit_card} wurde am {date} belastet.",
            "Zugriff von {ip_address} auf den Server, Version {version}, gesperrt.",
            "Der Schl\u00fcssel {api_key} steht im Repository, Commit {hash}.",
            "Kontakt: {email}, Tel. {phone}, Fax {phone}",
            "Er hat in den USA gearbeitet und die Nummer {us_ssn} angegeben.",
            "Meine Handynummer ist {phone}. Kundennummer {order}.",
            "Fasse zusammen: Artikel {product} kostet {figure} EUR, Bestellnummer {order}.",
            "Stand {date}, Version {version}, Pr\u00fcfsumme {hash}.",
            "Warum ist {bad_iban} keine g\u00fcltige IBAN?",
            "Die Sendung {order} ging am {date} raus, Beleg {uuid}.",
            "Karte {bad_card} abgelehnt: Pr\u00fcfziffer falsch.",
            "Norm {product}, Ausgabe {date}, Seite 17.",
            "Umsatz {figure}, Vorjahr {figure}, Bericht {order}.",
            "Lastschrift von {iban}; R\u00fcckfragen an {email} oder {phone}.",
            "Die Steueridentifikationsnummer {national_id} passt nicht zu {email}.",
        ),
        "fr": (
            "Bonjour, vous pouvez me joindre au {phone} ou par mail : {email}.",
            "Mon IBAN : {iban}. Merci de virer {figure} EUR avant le {date}.",
            "Num\u00e9ro de s\u00e9curit\u00e9 sociale : {national_id}, n\u00e9 le {date}.",
            "Notre num\u00e9ro de TVA est {vat}, facture {order}.",
            "La carte {credit_card} a \u00e9t\u00e9 d\u00e9bit\u00e9e deux fois pour la commande {order}.",
            "Connexion refus\u00e9e depuis {ip_address}, version {version}.",
            "J'ai coll\u00e9 la cl\u00e9 {api_key} dans le chat, que faire ?",
            "Le salari\u00e9 am\u00e9ricain a le num\u00e9ro {us_ssn}.",
            "Appelez Mme Roe, {phone}, r\u00e9f\u00e9rence {order}.",
            "R\u00e9sume ce message de {email} re\u00e7u le {date}.",
            "Contact : {phone} (bureau), {phone} (domicile)",
            "Commande {order} du {date}, article {product}.",
            "Pourquoi {bad_iban} n'est-il pas valable ?",
            "La carte {bad_card} est refus\u00e9e.",
            "Version {version} du {date}, empreinte {hash}.",
            "Chiffre d'affaires : {figure} contre {figure} en 2025.",
            "Identifiant {uuid}, colis {order}.",
            "Le montant de {figure} concerne la facture {order} du {date}.",
            "Patient {national_id}, t\u00e9l. {phone}.",
            '{"courriel": "{email}", "t\u00e9l\u00e9phone": "{phone}", "commande": "{order}"}',
        ),
        "es": (
            "Hola, mi tel\u00e9fono es {phone} y mi correo {email}.",
            "Ingrese {figure} EUR en la cuenta {iban} antes del {date}.",
            "DNI: {national_id}, nacido el {date}.",
            "Nuestro NIF intracomunitario es {vat}, factura {order}.",
            "La tarjeta {credit_card} se cobr\u00f3 dos veces en el pedido {order}.",
            "Bloqueamos {ip_address} despu\u00e9s de la versi\u00f3n {version}.",
            "\u00bfPor qu\u00e9 falla la clave {api_key} desde el {date}?",
            "Trabaj\u00f3 en EE. UU. con el n\u00famero {us_ssn}.",
            "Ll\u00e1mame al {phone}; si no, al {phone}.",
            "Responde a {email} sobre el pedido {order}.",
            "Pedido {order} del {date}, art\u00edculo {product}.",
            "\u00bfEs v\u00e1lida la cuenta {bad_iban}?",
            "La tarjeta {bad_card} fue rechazada.",
            "Versi\u00f3n {version}, huella {hash}.",
            "Ventas: {figure} frente a {figure} en 2025, informe {order}.",
            "Registro {uuid}, paquete {order}, fecha {date}.",
            "El cliente con NIE {national_id} vive en Sevilla; m\u00f3vil {phone}.",
            "Env\u00eda la factura {order} a {email} y a {email}.",
            "Titular: J. Roe; IBAN {iban}; DNI {national_id}; tel. {phone}",
            "El valor {figure} de la pieza {product} es del {date}.",
        ),
    },
)

SECOND: Final = Templates(
    48151623,
    {
        "en": (
            "From: {email}\nTo: {email}\nSubject: Re: invoice {order}\n\nAs agreed on {date}, ring {phone}.",
            "I lost my wallet. The card was {credit_card} and the bank account {iban}.",
            "Tenant screening for applicant, SSN {us_ssn}, previously at unit {product}.",
            "Background check: {us_ssn} (issued before 2011). Case {order}.",
            "ssh ubuntu@10.0.0.1x fails but ping {ip_address} works, kernel {version}.",
            "Firewall: allow {ip_address} and {ip_address}, deny everything else.",
            'client = Client(api_key="{api_key}", timeout=30)  # rotate by {date}',
            "I accidentally pushed {api_key} in commit {hash}. What now?",
            "Discharge letter. NHS No. {national_id}. Seen in clinic on {date}.",
            "Seller VAT ID {vat}; please check it against invoice {order} ({figure} EUR).",
            "You can reach reception at {phone}; deliveries: {phone}.",
            "| contact | number |\n| --- | --- |\n| desk | {phone} |\n| mail | {email} |",
            "Translate into French: 'Contact {email} for a refund of {figure} EUR.'",
            "Pip resolved {version} although {version} was pinned; see run {uuid}.",
            "Tracking {order}: left the depot {date}, weighs {figure} g.",
            "Test vector: {bad_card} must be rejected.",
            "SKU {product} and SKU {product} are the same thing.",
            "Bank says {bad_iban} is malformed.",
            "Replace the placeholder {bad_ssn} in the form.",
            "sha: {hash}\nbuild: {version}\nat: {date}",
            '{"to": "{iban}", "by": "{email}", "ref": "{order}"}',
            "Dr Roe's direct line {phone} is out of order; use {email}",
            "Sensor reading {figure} at {date}, device {uuid}",
            "Please charge {credit_card} again; receipt {order}.",
            "Order {order} was cancelled, order {order} was not.",
        ),
        "de": (
            "Guten Tag, ich bin unter {phone} erreichbar, am besten vormittags.",
            "Von: {email}\nBetreff: Auftrag {order}\n\nAnbei die Unterlagen vom {date}.",
            "Zahlung an {iban}, Verwendungszweck {order}.",
            "Lohnabrechnung: IdNr. {national_id}, Auszahlung {figure} EUR am {date}.",
            "Rechnungssteller: Muster GmbH, USt-ID {vat}, Beleg {order}.",
            "Abbuchung von der Karte {credit_card} reklamiert.",
            "Der Rechner {ip_address} meldet Version {version}.",
            "Token {api_key} bitte sperren, Vorgang {order}.",
            "Wohnung zu vermieten, Anfragen an {email} oder {phone}",
            "Social Security Number des Expats: {us_ssn}.",
            "Notfallkontakt {phone}; Zimmer {product}.",
            "Ersatzteil {product}, Lieferschein {order} vom {date}.",
            "Hash {hash} stimmt nicht mit {hash} \u00fcberein.",
            "Die Kontonummer {bad_iban} wurde abgewiesen.",
            "Sendungsnummer {order}, Gewicht {figure} g.",
            "Testkarte {bad_card}: Luhn-Fehler.",
            "Seriennummer {uuid}, Baujahr {date}.",
            "Bilanzsumme {figure}, Eigenkapital {figure}.",
            "Mandat: {iban}, {email}",
            "Auftrag {order}, Auftrag {order} und Rechnung {order} sind offen.",
        ),
        "fr": (
            "Mon portable : {phone}. Mon fixe : {phone}.",
            "De : {email}\nObjet : dossier {order}\n\nMerci de rappeler le {phone}.",
            "Pr\u00e9l\u00e8vement sur le compte {iban}, mandat {order}.",
            "NIR {national_id} \u2014 arr\u00eat de travail du {date}.",
            "Fournisseur assujetti, TVA intracommunautaire {vat}.",
            "Paiement par carte bancaire {credit_card} le {date}.",
            "Le serveur {ip_address} tourne en version {version}.",
            "Secret \u00e0 r\u00e9voquer : {api_key}",
            "Num\u00e9ro am\u00e9ricain de s\u00e9curit\u00e9 sociale : {us_ssn}.",
            "\u00c9cris un courriel \u00e0 {email} au sujet du colis {order}.",
            "Secr\u00e9tariat {phone}, dossier {order}",
            "R\u00e9f\u00e9rence {product}, bon de livraison {order} du {date}.",
            "Le compte {bad_iban} n'existe pas.",
            "Carte de test {bad_card}.",
            "Empreinte {hash}, version {version}.",
            "Total {figure}, remise {figure}.",
            "Trace {uuid} du {date}.",
            "Facture {order}, facture {order}, devis {order}.",
            "Assur\u00e9 : {national_id}, {email}, {phone}",
            "Virement de {figure} EUR vers {iban} ?",
        ),
        "es": (
            "Soy Luc\u00eda, mi m\u00f3vil: {phone}. Gracias.",
            "De: {email}\nAsunto: expediente {order}\n\nPuede llamar al {phone}.",
            "Domiciliaci\u00f3n en {iban}, recibo {order}.",
            "Arrendatario con documento {national_id}, contrato del {date}.",
            "Proveedor con IVA {vat}, albar\u00e1n {order}.",
            "Pago con tarjeta {credit_card} el {date}.",
            "El servidor {ip_address} usa la versi\u00f3n {version}.",
            "He publicado {api_key} por error, \u00bfqu\u00e9 hago?",
            "N\u00famero de la Seguridad Social de EE. UU.: {us_ssn}.",
            "Atenci\u00f3n al cliente {phone}, incidencia {order}",
            "Referencia {product}, albar\u00e1n {order} del {date}.",
            "La cuenta {bad_iban} no existe.",
            "Tarjeta de prueba {bad_card}.",
            "Huella {hash}, compilaci\u00f3n {version}.",
            "Total {figure}, descuento {figure}.",
            "Traza {uuid} del {date}.",
            "Factura {order}, factura {order}, presupuesto {order}.",
            "Titular {national_id}, {email}, {phone}",
            "Transferir {figure} EUR a {iban}, por favor.",
            "Escribe a {email}; no a {email}.",
        ),
    },
)

THIRD: Final = Templates(
    271828,
    {
        "en": (
            "Reminder: Dr Roe's practice moved, new number {phone}, new mail {email}.",
            'POST /charge {"pan": "{credit_card}", "amount": {figure}}',
            "The landlord wants my SSN ({us_ssn}) and a deposit by {date}.",
            "Blocked {ip_address} after 40 failed logins; agent {version}.",
            "DATABASE_PASSWORD=hunter2\nTOKEN={api_key}\nBUILD={hash}",
            "Send the refund to {iban}, holder J. Roe, purchase {order}.",
            "The NHS number {national_id} appears twice in the export of {date}.",
            "EU sales list: {vat}, {vat}, {vat}.",
            "Text {phone} if the courier is late, warehouse job {order}.",
            "Draft an apology to {email} and copy {email}.",
            "Policy {order} expires on {date}; premium {figure}.",
            "Booking {order}, seat {product}, departs {date}.",
            "Lot {order} failed inspection, part {product}.",
            "Rollback to {version}: migration {hash} broke on {date}.",
            "Span {uuid} took {figure} us.",
            "The form rejects {bad_card}; is that right?",
            "Why is {bad_iban} not accepted?",
            "Example only: {bad_ssn}.",
            "Membership {order} was renewed with {credit_card}.",
            "whois {ip_address} shows abuse contact {email}",
            "Dial {phone} and quote job {order}.",
            "Convert {figure} to words.",
            "Row: {order};{date};{figure};{product}",
            "Pinned {version}, found {version}, digest {hash}.",
            "Her numbers: {phone} (home), {phone} (work).",
        ),
        "de": (
            "Neue Durchwahl: {phone}. Bitte weitergeben.",
            "Sehr geehrte Damen und Herren, meine E-Mail-Adresse ist {email}, die alte {email}.",
            "Kaution bitte auf {iban} einzahlen, Mietvertrag {order}.",
            "Identifikationsnummer {national_id} laut Bescheid vom {date}.",
            "Der Lieferant f\u00fchrt die Nummer {vat}; Betrag {figure} EUR.",
            "Die Visakarte {credit_card} wurde gestohlen.",
            "Host {ip_address} und Host {ip_address} antworten nicht.",
            "Zugangsschl\u00fcssel {api_key} l\u00e4uft am {date} ab.",
            "Im Antrag steht die SSN {us_ssn}.",
            "Pflegedienst {phone}, Station {product}",
            "Versicherungsnummer {order}, Schaden vom {date}.",
            "Buchung {order}, Abreise {date}.",
            "Charge {order} gesperrt, Teil {product}.",
            "Update {version} auf {version}, Digest {hash}.",
            "Die Bank lehnt {bad_iban} ab.",
            "Pr\u00fcffall {bad_card} muss scheitern.",
            "Ger\u00e4t {uuid}, Messwert {figure}.",
            "Inventarnummer {order}, Raum {product}, angeschafft {date}.",
            "Sie ist privat unter {phone} und dienstlich unter {phone} zu erreichen.",
            "Mitglied {order} zahlt {figure} EUR.",
        ),
        "fr": (
            "Nouveau num\u00e9ro : {phone}. Merci de le noter.",
            "Copie \u00e0 {email} et \u00e0 {email}, s'il vous pla\u00eet.",
            "Versez la caution sur {iban}, bail {order}.",
            "Carte vitale {national_id}, remboursement de {figure} EUR.",
            "L'entreprise {vat} nous doit {figure} EUR.",
            "Ma carte {credit_card} a \u00e9t\u00e9 vol\u00e9e le {date}.",
            "Bloquer {ip_address} sur le pare-feu.",
            "Le jeton {api_key} expire le {date}.",
            "SSN am\u00e9ricain {us_ssn}.",
            "Infirmi\u00e8re {phone}, chambre {product}",
            "Police {order}, sinistre du {date}.",
            "R\u00e9servation {order}, d\u00e9part {date}.",
            "Lot {order} bloqu\u00e9, pi\u00e8ce {product}.",
            "Passage de {version} \u00e0 {version}, condensat {hash}.",
            "La banque refuse {bad_iban}.",
            "Le cas {bad_card} doit \u00e9chouer.",
            "Appareil {uuid}, mesure {figure}.",
            "Num\u00e9ro d'inventaire {order}, achet\u00e9 le {date}.",
            "On la joint au {phone}, sinon au {phone}.",
            "L'adh\u00e9rent {order} paie {figure} EUR.",
        ),
        "es": (
            "Nuevo n\u00famero: {phone}. Tome nota, por favor.",
            "Copia a {email} y a {email}, gracias.",
            "Abone la fianza en {iban}, alquiler {order}.",
            "Firmante con documento {national_id}, fecha {date}.",
            "La empresa {vat} nos debe {figure} EUR.",
            "Me robaron la tarjeta {credit_card} el {date}.",
            "Bloquear {ip_address} en el cortafuegos.",
            "El token {api_key} caduca el {date}.",
            "SSN estadounidense {us_ssn}.",
            "Enfermera {phone}, habitaci\u00f3n {product}",
            "P\u00f3liza {order}, siniestro del {date}.",
            "Reserva {order}, salida {date}.",
            "Lote {order} bloqueado, pieza {product}.",
            "De {version} a {version}, resumen {hash}.",
            "El banco rechaza {bad_iban}.",
            "El caso {bad_card} debe fallar.",
            "Aparato {uuid}, medida {figure}.",
            "N\u00famero de inventario {order}, comprado el {date}.",
            "Est\u00e1 en el {phone} o en el {phone}.",
            "El socio {order} paga {figure} EUR.",
        ),
    },
)

HELD_OUT: Final = Templates(
    3141,
    {
        "en": (
            "Out of office. Urgent matters: {phone}, or {email}.",
            "Visa or not? {credit_card}. It was used for voucher {order}.",
            "Payroll needs your social security number; mine is {us_ssn}.",
            "traceroute to {ip_address}, build {version}, sensor {uuid}",
            "Is {api_key} still active? It was created on {date}.",
            "Standing order: {iban}, starting {date}.",
            "Hospital form, NHS number: {national_id}; ward {product}.",
            "Reverse charge applies to {vat}, total {figure}.",
            "My sister's phone is {phone}, mine is {phone}.",
            "Prescription {order} was filled on {date}.",
            "Licence {order} covers release {version}.",
            "Digest mismatch: {hash} vs {hash} in {product}.",
            "Rejected by the terminal: {bad_card}. By the bank: {bad_iban}.",
            "Exam candidate {order}, score {figure}, sat on {date}.",
            "{email} wrote: see {uuid}, then ping {ip_address}.",
        ),
        "de": (
            "Hausmeister: {phone}. Nachbarin: {phone}.",
            "Leite das bitte an {email} weiter, Frist {date}.",
            "Dauerauftrag auf {iban} \u00fcber {figure} EUR.",
            "Elster fragt nach der IdNr {national_id}; Gutschein {order}.",
            "Innergemeinschaftliche Lieferung an {vat}.",
            "Mastercard {credit_card}, g\u00fcltig bis 11/29.",
            "Der Drucker hat die Adresse {ip_address}, Firmware {version}.",
            "Bitte {api_key} nicht einchecken, siehe {hash}.",
            "Visumsantrag, SSN {us_ssn}, Termin {date}.",
            "Rufen Sie mich an: {phone}",
            "Rezept {order} wurde am {date} eingel\u00f6st.",
            "Lizenz {order} gilt ab Version {version}.",
            "Terminal meldet {bad_card}, Bank meldet {bad_iban}.",
            "Z\u00e4hler {order}, Stand {figure}, abgelesen {date}.",
            "Pr\u00fcfling {product}, Protokoll {uuid}.",
        ),
        "fr": (
            "Gardien : {phone}. Voisine : {phone}.",
            "Transf\u00e8re ceci \u00e0 {email} avant le {date}.",
            "Virement permanent vers {iban} de {figure} EUR.",
            "Num\u00e9ro de s\u00e9cu {national_id}, bon {order}.",
            "Livraison intracommunautaire \u00e0 {vat}.",
            "Mastercard {credit_card}, valable jusqu'au 11/29.",
            "L'imprimante est en {ip_address}, micrologiciel {version}.",
            "Ne commite pas {api_key}, voir {hash}.",
            "Demande de visa, SSN {us_ssn}, rendez-vous {date}.",
            "Appelez-moi : {phone}",
            "Ordonnance {order} d\u00e9livr\u00e9e le {date}.",
            "Licence {order} \u00e0 partir de la version {version}.",
            "Le terminal refuse {bad_card}, la banque {bad_iban}.",
            "Compteur {order}, index {figure}, relev\u00e9 le {date}.",
            "\u00c9chantillon {product}, protocole {uuid}.",
        ),
        "es": (
            "Conserje: {phone}. Vecina: {phone}.",
            "Reenv\u00eda esto a {email} antes del {date}.",
            "Transferencia peri\u00f3dica a {iban} de {figure} EUR.",
            "Carn\u00e9 {national_id}, vale {order}.",
            "Entrega intracomunitaria a {vat}.",
            "Mastercard {credit_card}, v\u00e1lida hasta 11/29.",
            "La impresora est\u00e1 en {ip_address}, firmware {version}.",
            "No subas {api_key}, mira {hash}.",
            "Solicitud de visado, SSN {us_ssn}, cita {date}.",
            "Ll\u00e1meme: {phone}",
            "Receta {order} dispensada el {date}.",
            "Licencia {order} desde la versi\u00f3n {version}.",
            "El terminal rechaza {bad_card}, el banco {bad_iban}.",
            "Contador {order}, lectura {figure}, le\u00eddo el {date}.",
            "Muestra {product}, protocolo {uuid}.",
        ),
    },
)
