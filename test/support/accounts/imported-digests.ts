import { pbkdf2Sync } from 'node:crypto'

const django = pbkdf2Sync('password', 'seasalt', 1_000, 32, 'sha256').toString('base64')

/** What a former provider has appended to the passwords of the digests that begin with `pepper:`. */
export const IMPORT_PEPPER = 'a pepper of the old application'

/**
 * Digests of other programs, from their tests and documents where the name says no more: OpenBSD's bcrypt, the reference argon2, passlib,
 * Django (tests/auth_tests/test_hashers.py), Werkzeug 3.1 (generate_password_hash), phpass (test.php) and passlib's phpBB, firebase/scrypt
 * (README), ASP.NET Core Identity (PasswordHasherTest.cs). Of WordPress 6.8 (wp_hash_password), better-auth (crypto/password.ts), Devise
 * (encryptor.rb) and Django's bcrypt_sha256, which have no fixed ones, by what their source does.
 */
export const IMPORTED_DIGESTS: readonly (readonly [string, string, string])[] = [
  ['bcrypt 2a', 'abc123xyz', '$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'],
  ['bcrypt 2b, cheap', 'U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt 2y', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'argon2id',
    'password',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ],
  [
    'scrypt',
    'password',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
  ],
  [
    'PBKDF2 of passlib',
    'password',
    '$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ',
  ],
  ['PBKDF2 of Django', 'password', `pbkdf2_sha256$1000$seasalt$${django}`],
  [
    'bcrypt_sha256 of Django',
    'password',
    'bcrypt_sha256$$2b$05$7i2J7DlzYbrowjpWK5DSuOr1eVrrHiGlaZK5oqjKSzLUGSmswunlu',
  ],
  [
    'scrypt of Django',
    'lètmein',
    'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
  ],
  ['phpass of WordPress', 'test12345', '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0'],
  ['phpass of phpBB', '123456', '$H$9PE8jEklgZhgLmZl5.HYJAzfGCQtzi1'],
  ['WordPress 6.8', 'password', '$wp$2y$05$UYX7t1loy6XOzB1r18Es7unV3e7LX36W1TYM2HR8GBK8butAL1tCe'],
  [
    'scrypt of Werkzeug',
    'password',
    'scrypt:32768:8:1$vRl2I14J0Ilqbtgh$64e95ab1f214c7f4bcf053577b6c7ffe770b8321f62a1fc6268d2fd71b8fbaeaefb01b584355de47fb2af797f3f9ce662ae8f7140f022e5bb54915756efcf730',
  ],
  [
    'PBKDF2 of Werkzeug',
    'password',
    'pbkdf2:sha256:1000$hF6enT9X$e4b22ff32511e7b473edc2c22ab13a5889470c3624332986cf7254a0cd22cfec',
  ],
  [
    'better-auth',
    'password',
    '0123456789abcdef0123456789abcdef:f7c278f7f739ad5077f0a82b9a3d67831a7d1b05bc7b8e41fd9d55eb65c87a3f51cefaa870eda509939a162697e744990e3143cfc78ed746f2f981bb61c569e2',
  ],
  [
    'Firebase',
    'user1password',
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
  ],
  [
    'ASP.NET Identity 2',
    'my password',
    'AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==',
  ],
  [
    'ASP.NET Identity 3, SHA-1',
    'my password',
    'AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M',
  ],
  [
    'ASP.NET Identity 3, SHA-256',
    'my password',
    'AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==',
  ],
  [
    'ASP.NET Identity 3, SHA-512',
    'my password',
    'AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==',
  ],
  ['Devise', 'password', 'pepper:$2a$05$yBNR4m40bwHwfHUwe8r6vOyyih.PzrpgoU6rQTqbAzaYqLoerzTOC'],
]
