"""German. Keys as they stand in the source, with {} where a value stands; {0} and {1} put the values in another order."""

from __future__ import annotations

GERMAN: dict[str, str] = {
    # The panel
    "Pose3D": "Pose3D",
    "Clip": "Clip",
    "The video of one person whose motion is wanted": "Das Video einer Person, deren Bewegung gewünscht ist",
    "Armature": "Skelett",
    "The character to animate. When empty, the active one, or that of the active mesh, is taken": (
        "Die Figur, die animiert wird. Wenn leer, wird das aktive Skelett oder das des aktiven Meshs genommen"
    ),
    "Preset": "Vorgabe",
    "Automatic": "Automatisch",
    "Choose the preset whose bone names match the armature best": (
        "Die Vorgabe wählen, deren Knochennamen am besten zum Skelett passen"
    ),
    "Which bones of the armature are the hips, arms, legs and head": (
        "Welche Knochen des Skeletts Hüfte, Arme, Beine und Kopf sind"
    ),
    "Take the armature's bones as those of {}": "Die Knochen des Skeletts als die von {} nehmen",
    "A preset of your own": "Eine eigene Vorgabe",
    "Part of Clip": "Teil des Clips",
    "Part of the Clip": "Teil des Clips",
    "Read only the part of the clip between Start and End": "Nur den Teil des Clips zwischen Start und Ende lesen",
    "Start": "Start",
    "Where in the clip to begin, in seconds as a player shows them": (
        "Wo im Clip begonnen wird, in Sekunden, wie ein Player sie zeigt"
    ),
    "End": "Ende",
    "Where in the clip to end, in seconds as a player shows them": (
        "Wo im Clip aufgehört wird, in Sekunden, wie ein Player sie zeigt"
    ),
    "Speed": "Tempo",
    "How fast the motion is, of a clip in slow motion": "Wie schnell die Bewegung ist, bei einem Clip in Zeitlupe",
    "True speed, where the file notes that it is slow motion; else as fast as it plays": (
        "Echtes Tempo, wo in der Datei steht, dass sie Zeitlupe ist; sonst so schnell, wie sie abgespielt wird"
    ),
    "As It Plays": "Wie abgespielt",
    "As slow as the clip plays": "So langsam, wie der Clip abgespielt wird",
    "Filmed At": "Gefilmt mit",
    "True speed of slow motion whose file does not say so: frames a second that the camera took": (
        "Echtes Tempo von Zeitlupe, deren Datei es nicht sagt: Bilder je Sekunde, die die Kamera aufnahm"
    ),
    "Frames a Second": "Bilder/s",
    "How many the camera took: 120 or 240 in the slow motion of most phones": (
        "Wie viele die Kamera aufnahm: 120 oder 240 in der Zeitlupe der meisten Telefone"
    ),
    "The clip is slow motion: the motion is at true speed, {} times as fast as the clip plays "
    "(--as-played, or Speed: As It Plays, leaves it slow).": (
        "Der Clip ist Zeitlupe: Die Bewegung hat ihr echtes Tempo, {} mal so schnell, wie der Clip abgespielt wird "
        "(mit --as-played oder „Tempo: Wie abgespielt“ bleibt sie langsam)."
    ),
    "The camera is carried in this clip: only the feet tell how far. Look at the path along the ground.": (
        "Die Kamera wird in diesem Clip getragen: Wie weit, sagen nur die Füße. Den Weg über den Boden ansehen."
    ),
    "The clip is cut at {} s: one camera and one ground are taken for all of it. Choose a part of one shot.": (
        "Der Clip ist bei {} s geschnitten: Für alles werden eine Kamera und ein Boden angenommen. Einen Teil einer einzigen "
        "Einstellung wählen."
    ),
    "{} people are in the clip; the one seen largest and longest was taken (--person, or Person, chooses another).": (
        "{} Menschen sind im Clip; genommen wurde, wer am längsten und größten zu sehen ist (--person oder Person wählt jemand "
        "anderen)."
    ),
    "The new action was undone while it was made.": "Die neue Aktion wurde rückgängig gemacht, während sie entstand.",
    "'{}' was given another action while this one was made.": ("„{}“ bekam eine andere Aktion, während diese entstand."),
    "Open Manual": "Handbuch öffnen",
    "Open the manual in the browser, at this panel's section": "Das Handbuch im Browser öffnen, beim Abschnitt dieses Felds",
    "Section": "Abschnitt",
    "Title of the section": "Titel des Abschnitts",
    "The manual {} cannot be written: {}.": "Das Handbuch {} kann nicht geschrieben werden: {}.",
    "The manual {} cannot be read: {}.": "Das Handbuch {} kann nicht gelesen werden: {}.",
    "Install in Blender": "In Blender installieren",
    "Read README.md instead.": "Stattdessen README.md lesen.",
    "From a video of a person to the armature's animation": ("Vom Video eines Menschen zur Animation des Skeletts"),
    "Which part of the clip is read, whose motion is meant, and what is known of the lens and of slow motion": (
        "Welcher Teil des Clips gelesen wird, wessen Bewegung gemeint ist und was von Objektiv und Zeitlupe bekannt ist"
    ),
    "What becomes of the motion that was found: smoothing, path, feet, keys and markers": (
        "Was aus der gefundenen Bewegung wird: Glättung, Weg, Füße, Keys und Markierungen"
    ),
    "Which bone is which part of the body, to be reviewed and changed; presets of your own": (
        "Welcher Knochen welcher Körperteil ist, zum Prüfen und Ändern; eigene Vorgaben"
    ),
    "Name, place and keys of the new action, and its export": ("Name, Ort und Keys der neuen Aktion und ihr Export"),
    "The clip behind a matched camera, and what was found in it drawn over it": (
        "Der Clip hinter einer passenden Kamera, und was darin gefunden wurde, darüber gezeichnet"
    ),
    "The armature follows a camera, and what it does is recorded": (
        "Das Skelett folgt einer Kamera, und was es tut, wird aufgezeichnet"
    ),
    "Another armature's animation, or that of a BVH file, on the character": (
        "Die Animation eines anderen Skeletts oder einer BVH-Datei auf der Figur"
    ),
    "Person": "Person",
    "Who is meant, where several people are in the clip": "Wer gemeint ist, wo mehrere Menschen im Clip sind",
    "Largest and Longest": "Größte und längste",
    "The one who is seen largest and longest": "Wer am größten und am längsten zu sehen ist",
    "Largest": "Am größten",
    "The largest of those who are seen for a while": "Der größte von denen, die eine Weile zu sehen sind",
    "Nearest the Middle": "Nahe der Mitte",
    "The one who is nearest the middle of the picture": "Wer der Mitte des Bildes am nächsten ist",
    "Anyone": "Irgendwer",
    "In every frame the first who is there: one after another": "In jedem Bild der Erste, der da ist: einer nach dem anderen",
    "By Number": "Nach Nummer",
    "By number, in the order of how large and long they are seen": (
        "Nach Nummer, in der Reihenfolge, wie groß und lange sie zu sehen sind"
    ),
    "Number": "Nummer",
    "1 is the one who is seen largest and longest, 2 the next": (
        "1 ist, wer am größten und längsten zu sehen ist, 2 der Nächste"
    ),
    "Lens": "Objektiv",
    "How the lens of the camera that filmed the clip is known": (
        "Woher das Objektiv der Kamera bekannt ist, die den Clip gefilmt hat"
    ),
    "From the Clip": "Aus dem Clip",
    "As the file notes it, else estimated from the clip; the result says which, and how sure": (
        "Wie es in der Datei steht, sonst aus dem Clip geschätzt; das Ergebnis sagt, welches von beiden und wie sicher"
    ),
    "In millimetres, as phones and photographers state it: for a picture 36 mm wide": (
        "In Millimetern, wie Telefone und Fotografen sie angeben: für ein 36 mm breites Bild"
    ),
    "As an angle, across the picture's long side": "Als Winkel, über die lange Seite des Bildes",
    "The focal length in pixels of the clip, as a calibration gives it": (
        "Die Brennweite in Pixeln des Clips, wie eine Kalibrierung sie angibt"
    ),
    "Pixels": "Pixel",
    "Field of View": "Bildwinkel",
    "Of a picture 36 mm wide, as phones state it. A phone's main camera has about 26 mm": (
        "Für ein 36 mm breites Bild, wie Telefone sie angeben. Die Hauptkamera eines Telefons hat etwa 26 mm"
    ),
    "Across the picture's long side. A phone's main camera has about 65 degrees when it films": (
        "Über die lange Seite des Bildes. Die Hauptkamera eines Telefons hat beim Filmen etwa 65 Grad"
    ),
    "Focal Length": "Brennweite",
    "Focal length in pixels of the clip: picture width × lens in millimetres ÷ sensor width in millimetres": (
        "Brennweite in Pixeln des Clips: Bildbreite × Objektiv in Millimetern ÷ Sensorbreite in Millimetern"
    ),
    "Lens {} mm, noted in the clip ({} sure).": "Objektiv {} mm, im Clip vermerkt ({} sicher).",
    "Lens {} mm, estimated ({} sure).": "Objektiv {} mm, geschätzt ({} sicher).",
    "Lens {} mm, the usual one ({} sure).": "Objektiv {} mm, das übliche ({} sicher).",
    "Camera {}° down, rolled {}° ({} sure).": "Kamera {}° nach unten, {}° verdreht ({} sicher).",
    "Camera {}° up, rolled {}° ({} sure).": "Kamera {}° nach oben, {}° verdreht ({} sicher).",
    "Camera level, rolled {}° ({} sure).": "Kamera waagrecht, {}° verdreht ({} sicher).",
    "Camera turned by {}°, which is followed.": "Kamera um {}° geschwenkt; dem wird gefolgt.",
    "Camera carried by {} m and turned by {}°, as far as the feet tell.": (
        "Kamera um {} m getragen und um {}° geschwenkt, soweit es die Füße sagen."
    ),
    "Camera carried by {} m, as far as the feet tell.": "Kamera um {} m getragen, soweit es die Füße sagen.",
    "Camera was carried: the path along the ground is unreliable, the poses are not.": (
        "Kamera wurde getragen: der Weg am Boden ist unzuverlässig, die Posen nicht."
    ),
    "The feet were not seen: the legs are guessed. Upper Body Only leaves them alone.": (
        "Die Füße waren nicht zu sehen: Die Beine sind geraten. „Nur Oberkörper“ lässt sie in Ruhe."
    ),
    "Person {} of {}.": "Person {} von {}.",
    "Limbs": "Gliedmaßen",
    "What of the arms and legs gets keys": "Was von Armen und Beinen Keys bekommt",
    "FK": "FK",
    "Rotations of the bones themselves": "Die Drehungen der Knochen selbst",
    "FK and IK Controls": "FK und IK",
    "IK controls and pole targets as well, so that they do the same": (
        "Auch die IK-Steuerungen und Pole-Ziele, sodass sie dasselbe tun"
    ),
    "Mute Constraints": "Constraints stumm",
    "Mute in the new action the constraints of the armature that would change the motion": (
        "In der neuen Aktion die Constraints des Skeletts stummschalten, die die Bewegung ändern würden"
    ),
    "Retarget BVH File": "BVH-Datei übertragen",
    "Retarget BVH File…": "BVH-Datei übertragen…",
    "Give the armature the animation of a BVH file, as a new action at true speed. For FBX or glTF import the file first, "
    "and choose its armature as the source": (
        "Dem Skelett die Animation einer BVH-Datei geben, als neue Aktion in wahrer Geschwindigkeit. Bei FBX oder glTF zuerst die "
        "Datei importieren und deren Skelett als Quelle wählen"
    ),
    "The .bvh file with the animation": "Die .bvh-Datei mit der Animation",
    "{} is too large for a BVH file.": "{} ist für eine BVH-Datei zu groß.",
    "Choose a .bvh file.": "Eine .bvh-Datei wählen.",
    "{} is no BVH file, or only a part of one.": "{} ist keine BVH-Datei oder nur ein Teil einer solchen.",
    "Check that other programs open it.": "Prüfen, ob andere Programme sie öffnen.",
    "The animation of {} is one frame long.": "Die Animation von {} ist ein Bild lang.",
    "The scene “{}” was deleted while the clip was read.": "Die Szene „{}“ wurde gelöscht, während der Clip gelesen wurde.",
    "The clip is among the takes: solve it in another scene.": "Der Clip ist unter den Takes: dort in einer anderen Szene lösen.",
    "The armature “{}” was taken out of the scene “{}” while the clip was read.": (
        "Das Skelett „{}“ wurde aus der Szene „{}“ genommen, während der Clip gelesen wurde."
    ),
    "Put it back and solve the take.": "Es zurücklegen und den Take lösen.",
    "Settings": "Einstellungen",
    "Character": "Figur",
    # Motion
    "Motion": "Bewegung",
    "What becomes of the lifted motion": "Was aus der gefundenen Bewegung wird",
    "Smoothing": "Glättung",
    "How much trembling is taken out of the motion": "Wie viel Zittern aus der Bewegung genommen wird",
    "None": "Keine",
    "Everything that the detector saw, trembling and all": "Alles, was der Detektor sah, mitsamt dem Zittern",
    "Light": "Leicht",
    "For fast, sharp motion in a good clip": "Für schnelle, scharfe Bewegung in einem guten Clip",
    "Normal": "Normal",
    "Right for most clips; fast gestures keep their peaks": "Für die meisten Clips richtig; schnelle Gesten behalten ihre Spitzen",
    "Strong": "Stark",
    "For slow motion or a poor clip; fast gestures lose some of their height": (
        "Für langsame Bewegung oder einen schlechten Clip; schnelle Gesten verlieren etwas an Höhe"
    ),
    "Upper Body Only": "Nur Oberkörper",
    "Move trunk, arms and head, and leave hips and legs as they are: over a walk of yours, say, or a character that sits": (
        "Rumpf, Arme und Kopf bewegen, Hüfte und Beine lassen, wie sie sind: etwa über einem eigenen Gang "
        "oder für eine Figur, die sitzt"
    ),
    "The trunk of this armature is one bone, '{}', so its upper body cannot move alone.": (
        "Der Rumpf dieses Skeletts ist ein einziger Knochen, „{}“, daher kann sich sein Oberkörper nicht allein bewegen."
    ),
    "Leave Upper Body Only off, or choose a bone for the chest.": (
        "„Nur Oberkörper“ ausgeschaltet lassen oder einen Knochen für die Brust wählen."
    ),
    "Path": "Weg",
    "In Place": "Auf der Stelle",
    "Place as Filmed": "Platz wie gefilmt",
    "Begin where the person stood as seen from the camera, which was above the character's own place. "
    "Several people of one clip, on characters at one place, then stand and go as to each other": "Beginnen, wo die Person von "
    "der Kamera aus stand, die über dem eigenen Platz der Figur war. Mehrere Personen eines Clips, auf Figuren an einem Platz, "
    "stehen und gehen dann zueinander wie gefilmt",
    "Leave out the path along the ground, as games want it": "Den Weg über den Boden weglassen, wie Spiele es brauchen",
    "Up and Down": "Auf und ab",
    "Let the hips rise and sink as the person's did. Off: they stay at their standing height": (
        "Die Hüfte heben und senken wie die der Person. Aus: Sie bleibt auf der Höhe im Stehen"
    ),
    "Body": "Körper",
    "Hold Feet": "Füße festhalten",
    "Keep feet that stand on the ground where they are, by the character's own legs": (
        "Füße, die auf dem Boden stehen, dort lassen, durch die eigenen Beine der Figur"
    ),
    "Level Ground": "Ebener Boden",
    "All feet stand at one height. Off: on stairs, boxes and ladders they stand as high as they did": (
        "Alle Füße stehen auf einer Höhe. Aus: Auf Treppen, Kisten und Leitern stehen sie so hoch wie im Clip"
    ),
    "The ground is not level: feet stand up to {} m above its lowest part.": (
        "Der Boden ist nicht eben: Füße stehen bis zu {} m über seiner tiefsten Stelle."
    ),
    "Joint Limits": "Gelenkgrenzen",
    "Keep knees, elbows, neck and spine within what a body can do": (
        "Knie, Ellbogen, Hals und Wirbelsäule in dem halten, was ein Körper kann"
    ),
    "Turn Feet": "Füße drehen",
    "Turn the feet as the detector saw heels and toes, where it is sure of them": (
        "Die Füße so drehen, wie der Detektor Fersen und Zehen sah, wo er sicher ist"
    ),
    "Turn Hands": "Hände drehen",
    "Turn the hands as the detector saw thumbs and fingers, where it is sure of them": (
        "Die Hände so drehen, wie der Detektor Daumen und Finger sah, wo er sicher ist"
    ),
    "Follow Hands": "Fingern folgen",
    "Look at the hands in the clip too, and let the fingers follow them, which takes longer. "
    "Off, and where no hand is seen: relaxed fingers": (
        "Im Clip auch die Hände ansehen und die Finger ihnen folgen lassen, was länger dauert. "
        "Aus, und wo keine Hand zu sehen ist: entspannte Finger"
    ),
    "Camera": "Kamera",
    "Known Camera": "Kamera bekannt",
    "What the camera did while it filmed. One that turned or was carried is followed, so that the character goes where the "
    "person went": (
        "Was die Kamera tat, während sie filmte. Einer, die sich drehte oder getragen wurde, wird gefolgt, sodass die Figur "
        "dorthin geht, wohin die Person ging"
    ),
    "As the background of the clip says": "Wie der Hintergrund des Clips sagt",
    "For a background that moves by itself, such as water or a screen": (
        "Für einen Hintergrund, der sich selbst bewegt, etwa Wasser oder ein Bildschirm"
    ),
    "It turned after the person from where it stood": "Sie drehte sich am Ort der Person nach",
    "It went along, turning or not; how far, the feet tell": "Sie ging mit, geschwenkt oder nicht; wie weit, sagen die Füße",
    "Stood Still": "Stand still",
    "Turned": "Geschwenkt",
    "Carried": "Getragen",
    "Give the camera's pitch and roll, instead of having them estimated from the whole clip": (
        "Neigung und Rollen der Kamera angeben, statt sie aus dem ganzen Clip schätzen zu lassen"
    ),
    "Pitch": "Neigung",
    "How far the camera that filmed the clip looked down; below zero it looked up": (
        "Wie weit die Kamera, die den Clip filmte, nach unten sah; unter null sah sie nach oben"
    ),
    "Roll": "Rollen",
    "How far the camera was turned clockwise, seen from behind it": (
        "Wie weit die Kamera im Uhrzeigersinn gedreht war, von hinten gesehen"
    ),
    "Keys": "Schlüsselbilder",
    "Choose a Shot": "Einstellung wählen",
    "The clip is cut: one of its shots, as the part that is read": (
        "Der Clip ist geschnitten: eine seiner Einstellungen, als der Teil, der gelesen wird"
    ),
    "Shot": "Einstellung",
    "Which shot of the clip is read": "Welche Einstellung des Clips gelesen wird",
    "Read this shot of the clip only, by its seconds": "Nur diese Einstellung des Clips lesen, nach ihren Sekunden",
    "No cuts are known of this clip: they are found when it is read": (
        "Von diesem Clip sind keine Schnitte bekannt: Sie werden gefunden, wenn er gelesen wird"
    ),
    "Key Every Frame": "Jedes Bild",
    "Key Whole Poses": "Ganze Posen",
    "All bones that move are keyed at the same frames, so that a pose can be changed, copied or moved in time as a whole; with a "
    "few more keys, and not for limbs with IK controls, which are keyed on every frame": (
        "Alle Knochen, die sich bewegen, haben ihre Keys in denselben Bildern, so dass eine Pose als Ganzes geändert, kopiert oder "
        "in der Zeit verschoben werden kann; mit etwas mehr Keys, und nicht für Glieder mit IK-Controllern, die in jedem Bild "
        "einen Key haben"
    ),
    "A key on every frame, instead of as few as the tolerances allow": (
        "Ein Schlüsselbild auf jedem Bild, statt so wenige, wie die Toleranzen erlauben"
    ),
    "Position (cm)": "Position (cm)",
    "How many centimetres hips, hands and feet of a person's size may be off between the keys": (
        "Wie viele Zentimeter Hüfte, Hände und Füße bei der Größe eines Menschen zwischen den Schlüsselbildern abweichen dürfen"
    ),
    "Angle (°)": "Winkel (°)",
    "How many degrees a bone may be off between the keys": (
        "Wie viele Grad ein Knochen zwischen den Schlüsselbildern abweichen darf"
    ),
    "Markers": "Markierungen",
    "Mark Guesses": "Vermutungen",
    "Mark on the action where the person was not seen well, and key the custom property pose3d_confidence": (
        "In der Aktion markieren, wo die Person nicht gut zu sehen war, und die Eigenschaft pose3d_confidence mit Schlüsselbildern "
        "versehen"
    ),
    "Mark Contacts": "Kontakte",
    "Mark on the action where feet are put down and lifted. Move the markers and press Solve Contacts Again": (
        "In der Aktion markieren, wo Füße aufgesetzt und gehoben werden. Die Markierungen verschieben und „Kontakte neu lösen“ drücken"
    ),
    "Solve Contacts Again": "Kontakte neu lösen",
    "Solve the motion again with the contact markers as they are now, as a new action. The present one is kept": (
        "Die Bewegung mit den Kontaktmarkierungen von jetzt neu lösen, als neue Aktion. Die jetzige bleibt erhalten"
    ),
    # Import
    "Import Pose From Video": "Pose aus Video importieren",
    "Give the armature the motion of the person in the clip, as a new action. You can go on working meanwhile": (
        "Dem Skelett die Bewegung der Person im Clip geben, als neue Aktion. Währenddessen kann man weiterarbeiten"
    ),
    "Choose a video of a person and animate the armature with it": (
        "Ein Video einer Person wählen und das Skelett damit animieren"
    ),
    "Open Video for Pose": "Video für Pose öffnen",
    "Pose From Video": "Pose aus Video",
    "Pose from Video (.mp4, .mov, …)": "Pose aus Video (.mp4, .mov, …)",
    "The video. When empty, the clip of the Pose3D tab": "Das Video. Wenn leer, der Clip aus dem Tab Pose3D",
    "Folder": "Ordner",
    "Where the Files are": "Wo die Dateien sind",
    "Files": "Dateien",
    "Several videos in one folder, read one after another; each gives an action": (
        "Mehrere Videos in einem Ordner, nacheinander gelesen; jedes ergibt eine Aktion"
    ),
    "Name of the armature. When empty, the armature of the Pose3D tab, or else the active one": (
        "Name des Skeletts. Wenn leer, das Skelett aus dem Tab Pose3D, sonst das aktive"
    ),
    "Name of the preset, or “auto”. When empty, the preset of the Pose3D tab": (
        "Name der Vorgabe, oder „auto“. Wenn leer, die Vorgabe aus dem Tab Pose3D"
    ),
    "Cancel": "Abbrechen",
    "Stop reading the clip, as the Escape key does. Nothing in the scene is changed": (
        "Das Lesen des Clips beenden, wie die Escape-Taste. In der Szene wird nichts geändert"
    ),
    "Copy Log": "Protokoll kopieren",
    "Copied the log": "Das Protokoll wurde kopiert",
    "Nothing has failed": "Nichts ist fehlgeschlagen",
    "There is no scene": "Es gibt keine Szene",
    "A clip is being read already: wait for it or cancel it": "Es wird schon ein Clip gelesen: abwarten oder abbrechen",
    "A clip is being read: wait for it or cancel it": "Es wird ein Clip gelesen: abwarten oder abbrechen",
    "A clip is being read already.": "Es wird schon ein Clip gelesen.",
    "A clip is being read.": "Es wird ein Clip gelesen.",
    "Wait for it or cancel it.": "Abwarten oder abbrechen.",
    "There is no armature to animate: add or import a character first": (
        "Es gibt kein Skelett zum Animieren: zuerst eine Figur hinzufügen oder importieren"
    ),
    "No clip is being read": "Es wird kein Clip gelesen",
    "No clip is chosen.": "Es ist kein Clip gewählt.",
    "Choose a video in the Pose3D tab.": "Im Tab Pose3D ein Video wählen.",
    "Choose the video again.": "Das Video noch einmal wählen.",
    "There is no clip at {}.": "Bei {} gibt es keinen Clip.",
    "{} is a folder, not a clip.": "{} ist ein Ordner, kein Clip.",
    "Choose a video in it; make a video of a sequence of pictures first.": (
        "Ein Video darin wählen; aus einer Folge von Bildern zuerst ein Video machen."
    ),
    "The part of the clip ends before it starts.": "Der Teil des Clips endet, bevor er anfängt.",
    "Set End to a later time than Start.": "Das Ende später als den Start setzen.",
    "No armature is chosen.": "Es ist kein Skelett gewählt.",
    "Choose one in the Pose3D tab, or select one.": "Eines im Tab Pose3D wählen oder eines auswählen.",
    "The run was cancelled.": "Der Lauf wurde abgebrochen.",
    "Finding the person": "Die Person wird gesucht",
    "Looking at the hands": "Die Hände werden angesehen",
    "Lifting to 3D": "Aus 2D wird 3D",
    "Animating the armature": "Das Skelett wird animiert",
    "Starting": "Start",
    "Made the action “{}”, frames {} to {}, preset {}.{}": "Die Aktion „{}“ wurde gemacht, Bilder {} bis {}, Vorgabe {}.{}",
    "The preview range has none of the animation's frames, {} to {}.": (
        "Im Vorschaubereich liegt keines der Bilder der Animation, {} bis {}."
    ),
    "Clear it, or set it to some of them.": "Ihn aufheben oder auf einige davon setzen.",
    " The scene stops before that, at frame {}.": " Die Szene endet davor, bei Bild {}.",
    " The preview range stops before that, at frame {}.": " Der Vorschaubereich endet davor, bei Bild {}.",
    "{} of {}: ": "{} von {}: ",
    "{} frames/s": "{} Bilder/s",
    "{} left": "noch {}",
    "{} h {} min": "{} h {} min",
    "The armature “{}” was deleted while the clip was read.": "Das Skelett „{}“ wurde gelöscht, während der Clip gelesen wurde.",
    "Choose another one and import again.": "Ein anderes wählen und noch einmal importieren.",
    "The armature “{}” is not in the scene.": "Das Skelett „{}“ ist nicht in der Szene.",
    "Choose one in the Pose3D tab.": "Eines im Tab Pose3D wählen.",
    "The cache folder {} cannot be made: {}.": "Der Cache-Ordner {} kann nicht angelegt werden: {}.",
    "The cache folder {} cannot be written: {}.": "In den Cache-Ordner {} kann nicht geschrieben werden: {}.",
    "Choose another in the preferences.": "In den Einstellungen einen anderen wählen.",
    "Copy what went wrong, with the end of the motion engine's log, for a report of the fault": (
        "Kopieren, was schiefging, mit dem Ende des Protokolls des Bewegungsrechners, für eine Fehlermeldung"
    ),
    "Choose a video of a person, or several, and animate the armature with it": (
        "Ein Video einer Person wählen, oder mehrere, und das Skelett damit animieren"
    ),
    "{} frames/s, {} left": "{} Bilder/s, noch {}",
    "{} of {}: Finding the person": "{} von {}: Die Person wird gesucht",
    "{} of {}: Looking at the hands": "{} von {}: Die Hände werden angesehen",
    "{} of {}: Lifting to 3D": "{} von {}: Aus 2D wird 3D",
    "{} of {}: Animating the armature": "{} von {}: Das Skelett wird animiert",
    # Output
    "Output": "Ausgabe",
    "What becomes of the motion in the scene": "Was in der Szene aus der Bewegung wird",
    "Action Name": "Aktionsname",
    "Name of the new action. {armature}, {clip} and {preset} stand for the names of these": (
        "Name der neuen Aktion. {armature}, {clip} und {preset} stehen für die Namen von Skelett, Clip und Vorgabe"
    ),
    "Own Start Frame": "Eigenes Startbild",
    "Give the frame where the motion begins, instead of the scene's first": (
        "Das Bild angeben, bei dem die Bewegung beginnt, statt des ersten der Szene"
    ),
    "Start Frame": "Startbild",
    "The frame where the motion begins": "Das Bild, bei dem die Bewegung beginnt",
    "Frame Rate": "Bildrate",
    "The motion plays at true speed either way": "Die Bewegung läuft so oder so mit wahrer Geschwindigkeit",
    "The Scene's": "Die der Szene",
    "Keep the scene's frame rate and resample the motion to it": (
        "Die Bildrate der Szene behalten und die Bewegung darauf umrechnen"
    ),
    "The Clip's": "Die des Clips",
    "Set the scene to the clip's frame rate, so that each frame of the clip is one of the scene": (
        "Die Szene auf die Bildrate des Clips setzen, sodass jedes Bild des Clips eines der Szene ist"
    ),
    "Fit Scene Range": "Szene anpassen",
    "Let the scene end where the motion does": "Die Szene enden lassen, wo die Bewegung endet",
    "NLA Strip": "NLA-Streifen",
    "Push the new action down into an NLA track of its own, above the tracks that are there": (
        "Die neue Aktion in eine eigene NLA-Spur schieben, über den Spuren, die da sind"
    ),
    "Format": "Format",
    "Kind of file that Export Animation writes": "Art der Datei, die „Animation exportieren“ schreibt",
    "glTF (.glb)": "glTF (.glb)",
    "For games and the web: armature, meshes and motion in one file": (
        "Für Spiele und das Web: Skelett, Netze und Bewegung in einer Datei"
    ),
    "FBX (.fbx)": "FBX (.fbx)",
    "For Unity, Unreal, Maya and others: armature, meshes and motion": (
        "Für Unity, Unreal, Maya und andere: Skelett, Netze und Bewegung"
    ),
    "BVH (.bvh)": "BVH (.bvh)",
    "Skeleton and motion only, y up, in metres": "Nur Skelett und Bewegung, y nach oben, in Metern",
    "Export Animation": "Animation exportieren",
    "Write the armature, what hangs on it and its animation to a file: BVH, FBX or glTF. The scene stays as it is": (
        "Das Skelett, was an ihm hängt und seine Animation in eine Datei schreiben: BVH, FBX oder glTF. Die Szene bleibt, wie sie ist"
    ),
    "File": "Datei",
    "The file to write: .bvh, .fbx or .glb": "Die Datei, die geschrieben wird: .bvh, .fbx oder .glb",
    "Replace Existing File": "Vorhandene Datei ersetzen",
    "Write the file even where there is one of this name already": (
        "Die Datei auch dort schreiben, wo es schon eine dieses Namens gibt"
    ),
    "There is no armature to export": "Es gibt kein Skelett zum Exportieren",
    "No file is named.": "Es ist keine Datei genannt.",
    "Give its path as filepath.": "Ihren Pfad als filepath angeben.",
    "Wrote {}, frames {} to {}": "{} geschrieben, Bilder {} bis {}",
    "Wrote {}": "{} geschrieben",
    "Wrote {}.": "{} geschrieben.",
    "“{}” is no name for an action.": "„{}“ ist kein Name für eine Aktion.",
    "Use plain words and {armature}, {clip} and {preset}.": "Einfache Wörter und {armature}, {clip} und {preset} benutzen.",
    "'{}' is not a kind of file that is exported.": "„{}“ ist keine Art von Datei, die exportiert wird.",
    "Use one of: {}.": "Eine von diesen nehmen: {}.",
    "There is no folder {}.": "Es gibt keinen Ordner {}.",
    "Make it, or choose another one.": "Ihn anlegen oder einen anderen wählen.",
    "{} exists already.": "{} gibt es schon.",
    "Choose another name, or tick Replace Existing File.": "Einen anderen Namen wählen oder „Vorhandene Datei ersetzen“ ankreuzen.",
    "'{}' has no action.": "„{}“ hat keine Aktion.",
    "The armature has no action.": "Das Skelett hat keine Aktion.",
    "Import a clip first.": "Zuerst einen Clip importieren.",
    # Seen in the clip
    "Seen in the Clip": "Im Clip gesehen",
    "Show Clip as Camera Background": "Clip als Kamerahintergrund zeigen",
    "Add a camera that sees the character as the clip shows the person, with the clip behind it. Your own camera stays": (
        "Eine Kamera hinzufügen, die die Figur so sieht, wie der Clip die Person zeigt, mit dem Clip dahinter. Die eigene Kamera bleibt"
    ),
    "The video that the motion was made from. When empty, the clip of the Pose3D tab": (
        "Das Video, aus dem die Bewegung gemacht wurde. Wenn leer, der Clip aus dem Tab Pose3D"
    ),
    "Look Through Clip Camera": "Durch die Clipkamera sehen",
    "Make the camera with the clip the scene's camera, or this view's where markers choose the scene's, and look through it": (
        "Die Kamera mit dem Clip zur Kamera der Szene machen, oder zu der dieser Ansicht, wo Markierungen die der Szene wählen, und"
        " durch sie sehen"
    ),
    "Markers of the timeline choose the scene's camera, so only this view looks through “{}”": (
        "Markierungen der Zeitleiste wählen die Kamera der Szene, deshalb sieht nur diese Ansicht durch „{}“"
    ),
    "Draw Skeleton Over Viewport": "Strichfigur über die Ansicht zeichnen",
    "Draw the joints that were found in the clip over the 3D views: teal where they were seen well, red where guessed": (
        "Die Gelenke, die im Clip gefunden wurden, über die 3D-Ansichten zeichnen: türkis, wo sie gut zu sehen waren, rot, wo sie "
        "vermutet sind"
    ),
    "Write Landmark Film": "Film der Körperpunkte schreiben",
    "Write a film of the clip with the landmarks that the detector found drawn over it. You can go on working meanwhile": (
        "Einen Film des Clips schreiben, über den die Körperpunkte gezeichnet sind, die der Detektor fand. Währenddessen kann man "
        "weiterarbeiten"
    ),
    "The film to write, an .mp4": "Der Film, der geschrieben wird, eine .mp4",
    "There is no armature: import a clip onto a character first": (
        "Es gibt kein Skelett: zuerst einen Clip auf eine Figur importieren"
    ),
    "Choose the clip that the motion was made from in the Pose3D tab.": (
        "Im Tab Pose3D den Clip wählen, aus dem die Bewegung gemacht wurde."
    ),
    "Made the camera “{}”": "Die Kamera „{}“ wurde gemacht",
    "Made the camera “{}”. The scene's camera is still yours": (
        "Die Kamera „{}“ wurde gemacht. Die Kamera der Szene ist noch die eigene"
    ),
    "There is no such camera yet: press Show Clip as Camera Background": (
        "Es gibt noch keine solche Kamera: „Clip als Kamerahintergrund zeigen“ drücken"
    ),
    "There is no window to draw in": "Es gibt kein Fenster, in das gezeichnet werden könnte",
    "{} landmarks.mp4": "{} Körperpunkte.mp4",
    "{} Camera": "{} Kamera",
    "Blender cannot read {} as a film.": "Blender kann {} nicht als Film lesen.",
    "Convert it to an .mp4 with H.264, and import that.": "In eine .mp4 mit H.264 umwandeln und diese importieren.",
    "Choose the clip that the motion was made from.": "Den Clip wählen, aus dem die Bewegung gemacht wurde.",
    "{} is not the clip that the motion was made from, which was {}.": (
        "{} ist nicht der Clip, aus dem die Bewegung gemacht wurde; das war {}."
    ),
    "Choose that one as the clip.": "Diesen als Clip wählen.",
    # Live
    "Live": "Live",
    "What Live follows": "Wem Live folgt",
    "Follow": "Folgen",
    "Where the pictures come from": "Woher die Bilder kommen",
    "A camera of this computer": "Eine Kamera dieses Rechners",
    "Video File": "Videodatei",
    "A video file plays the camera's part, as fast as Clip says, or slower on a slow computer": (
        "Eine Videodatei spielt die Rolle der Kamera, so schnell, wie unter Clip steht, oder langsamer auf einem langsamen Rechner"
    ),
    "Number of the camera; the first is 0": "Nummer der Kamera; die erste ist 0",
    "The video that plays the camera's part": "Das Video, das die Rolle der Kamera spielt",
    "Start Live": "Live starten",
    "Follow the person before the camera with the armature and a skeleton over the 3D views. Its own pose comes back at Stop": (
        "Der Person vor der Kamera folgen, mit dem Skelett und einer Strichfigur über den 3D-Ansichten. Nach dem Stopp hat das Skelett "
        "seine eigene Pose wieder"
    ),
    "Record": "Aufnehmen",
    "Record from the beginning": "Von Anfang an aufnehmen",
    "Record what the armature does, until this is pressed again. At Stop each recording becomes a new action, and a take": (
        "Aufnehmen, was das Skelett tut, bis dies noch einmal gedrückt wird. Beim Stopp wird jede Aufnahme eine neue Aktion und ein Take"
    ),
    "Stop Live": "Live beenden",
    "End the session, as the Escape key does. The armature gets its own pose back": (
        "Beenden, wie die Escape-Taste. Das Skelett bekommt seine eigene Pose zurück"
    ),
    "Seconds": "Sekunden",
    "End after so many seconds. 0: when you press Stop, or the video file ends": (
        "Nach so vielen Sekunden beenden. 0: wenn man Stopp drückt oder die Videodatei endet"
    ),
    "As Fast as Possible": "So schnell wie möglich",
    "Take every frame of a video file one after the other, instead of playing it": (
        "Jedes Bild einer Videodatei nehmen, eins nach dem anderen, statt sie abzuspielen"
    ),
    "A camera is being followed already.": "Es wird schon einer Kamera gefolgt.",
    "Stop that first.": "Das zuerst beenden.",
    "A camera is being followed already: stop that first": "Es wird schon einer Kamera gefolgt: das zuerst beenden",
    "No camera is being followed": "Es wird keiner Kamera gefolgt",
    "Nothing was recorded.": "Es wurde nichts aufgenommen.",
    "The motion ends at frame {}, and no scene plays what is before frame 0: its range is as it was.": "Die Bewegung endet bei Bild {}, und keine Szene spielt, was vor Bild 0 liegt: ihr Bereich ist, wie er war.",
    "The motion begins at frame {}, and no scene plays what is before frame 0.": "Die Bewegung beginnt bei Bild {}, und keine Szene spielt, was vor Bild 0 liegt.",
    "The armature “{}” is no longer in the scene.": "Das Skelett „{}“ ist nicht mehr in der Szene.",
    "What was recorded is among the takes.": "Was aufgenommen wurde, ist unter den Takes.",
    "Choose another one and start again.": "Ein anderes wählen und noch einmal beginnen.",
    "Record for longer, with a person in the picture.": "Länger aufnehmen, mit einer Person im Bild.",
    "No video is chosen for the camera's part.": "Für die Rolle der Kamera ist kein Video gewählt.",
    "Choose a file, or Camera as the source.": "Eine Datei wählen, oder Kamera als Quelle.",
    "There is no video at {}.": "Bei {} gibt es kein Video.",
    "Choose the file again.": "Die Datei noch einmal wählen.",
    "Without a window nobody can press Stop.": "Ohne Fenster kann niemand Stopp drücken.",
    "Give the seconds, or a video file.": "Die Sekunden angeben, oder eine Videodatei.",
    "{} poses were shown, none recorded": "{} Posen wurden gezeigt, keine aufgenommen",
    "{} poses": "{} Posen",
    "{} poses, {} recorded": "{} Posen, {} aufgenommen",
    "{} s behind the camera ({})": "{} s hinter der Kamera ({})",
    "Waiting for the camera …": "Warten auf die Kamera …",
    "Live {}": "Live {}",
    "Nobody was seen while it was recorded.": "Während der Aufnahme war niemand zu sehen.",
    "Record again with the whole body in the picture.": "Noch einmal aufnehmen, mit dem ganzen Körper im Bild.",
    # Takes
    "Takes": "Takes",
    "Take": "Take",
    "Clips that were read before. Each can be put on any armature in seconds, without reading the clip again": (
        "Clips, die schon gelesen wurden. Jeder kann in Sekunden auf jedes Skelett gebracht werden, ohne ihn noch einmal zu lesen"
    ),
    "Solve Take": "Take lösen",
    "Put the motion of this take on the armature with the present settings, as a new action. The clip is not read again": (
        "Die Bewegung dieses Takes mit den jetzigen Einstellungen auf das Skelett bringen, als neue Aktion. Der Clip wird nicht noch "
        "einmal gelesen"
    ),
    "The track file. When empty, the take that is chosen in the list": "Die Track-Datei. Wenn leer, der in der Liste gewählte Take",
    "No take is chosen.": "Es ist kein Take gewählt.",
    "Import a clip first: each becomes a take.": "Zuerst einen Clip importieren: Jeder wird ein Take.",
    "There is no take at {}.": "Bei {} gibt es keinen Take.",
    "There are no takes: import a clip first": "Es gibt keine Takes: zuerst einen Clip importieren",
    "Delete Take": "Take löschen",
    "Delete this take from the disk. Actions made from it stay, but cannot be solved again": (
        "Diesen Take von der Festplatte löschen. Aktionen daraus bleiben, können aber nicht noch einmal gelöst werden"
    ),
    "{} cannot be deleted: {}.": "{} kann nicht gelöscht werden: {}.",
    "Reveal Take": "Take zeigen",
    "Show this take's file in the system's file browser": "Die Datei dieses Takes im Dateimanager des Systems zeigen",
    "No file browser opened {}: {}.": "Kein Dateimanager öffnete {}: {}.",
    "Refresh Takes": "Takes auffrischen",
    "Read the cache folder again": "Den Cache-Ordner noch einmal lesen",
    "Clear Cache": "Cache leeren",
    "Delete all takes from the disk, but for those that actions of this file were made from": (
        "Alle Takes von der Festplatte löschen, außer denen, aus denen Aktionen dieser Datei gemacht wurden"
    ),
    "Deleted {} takes": "{} Takes gelöscht",
    "{}, {} frames, {} MB": "{}, {} Bilder, {} MB",
    "{} s": "{} s",
    "{} (cannot be read)": "{} (nicht lesbar)",
    "Solve the take again.": "Den Take noch einmal lösen.",
    # Bones
    "Bones": "Knochen",
    "Bone": "Knochen",
    "Which bone is which part of the body, as reviewed by the user": (
        "Welcher Knochen welcher Teil des Körpers ist, wie man es geprüft hat"
    ),
    "The bone of the armature that moves this part of the body. Empty: none does": (
        "Der Knochen des Skeletts, der diesen Teil des Körpers bewegt. Leer: keiner"
    ),
    "Find Bones": "Knochen finden",
    "Find Bones shows what each bone is taken for, to be changed here.": (
        "„Knochen finden“ zeigt, wofür jeder Knochen gehalten wird; hier kann man es ändern."
    ),
    "Exchange Left and Right": "Links und rechts tauschen",
    "Add Bone to Chain": "Knochen an Kette anfügen",
    "Save Preset": "Vorgabe speichern",
    "Rename Preset": "Vorgabe umbenennen",
    "Delete Preset": "Vorgabe löschen",
    "Export Preset": "Vorgabe exportieren",
    "Import Preset": "Vorgabe importieren",
    "Save Table as Preset…": "Tabelle als Vorgabe speichern…",
    "Rename Preset…": "Vorgabe umbenennen…",
    "Delete Preset…": "Vorgabe löschen…",
    "Import Preset…": "Vorgabe importieren…",
    "Export Preset…": "Vorgabe exportieren…",
    "Saved the preset “{}”.": "Die Vorgabe „{}“ wurde gespeichert.",
    "The preset is called “{}” now.": "Die Vorgabe heißt jetzt „{}“.",
    "Deleted the preset “{}”.": "Die Vorgabe „{}“ wurde gelöscht.",
    "Added the preset “{}”.": "Die Vorgabe „{}“ wurde hinzugefügt.",
    "Chain": "Kette",
    "The chain that has one more bone": "Die Kette, die noch einen Knochen hat",
    "Between hips and chest": "Zwischen Hüfte und Brust",
    "Between chest and head": "Zwischen Brust und Kopf",
    "Name": "Name",
    "What the menu will call it": "Wie das Menü sie nennen wird",
    "The new name": "Der neue Name",
    "The preset's file": "Die Datei der Vorgabe",
    "The table is empty: press Find Bones": "Die Tabelle ist leer: „Knochen finden“ drücken",
    "Choose one of your own presets: those that come with Pose3D cannot be changed": (
        "Eine eigene Vorgabe wählen: Die mit Pose3D gelieferten können nicht geändert werden"
    ),
    "No file is chosen.": "Es ist keine Datei gewählt.",
    "Choose a preset in the menu first": "Zuerst im Menü eine Vorgabe wählen",
    "Mend the table first.": "Zuerst die Tabelle berichtigen.",
    "Choose a .json file.": "Eine .json-Datei wählen.",
    "{}, changed": "{}, geändert",
    "The table is in the Pose3D tab, under Bones; Clear empties it.": (
        "Die Tabelle ist im Tab Pose3D, unter Knochen; „Leeren“ leert sie."
    ),
    "This table is for “{}” and is not used for another armature. Find Bones fills it anew.": (
        "Diese Tabelle ist für „{}“ und wird für ein anderes Skelett nicht benutzt. „Knochen finden“ füllt sie neu."
    ),
    "Hips": "Hüfte",
    "Spine": "Wirbelsäule",
    "Chest": "Brust",
    "Neck": "Hals",
    "Head": "Kopf",
    "L Clavicle": "L Schlüsselbein",
    "L Upper Arm": "L Oberarm",
    "L Forearm": "L Unterarm",
    "L Hand": "L Hand",
    "L Thigh": "L Oberschenkel",
    "L Shin": "L Unterschenkel",
    "L Foot": "L Fuß",
    "L Toe": "L Zehen",
    "R Clavicle": "R Schlüsselbein",
    "R Upper Arm": "R Oberarm",
    "R Forearm": "R Unterarm",
    "R Hand": "R Hand",
    "R Thigh": "R Oberschenkel",
    "R Shin": "R Unterschenkel",
    "R Foot": "R Fuß",
    "R Toe": "R Zehen",
    "the preset {} names {}": "die Vorgabe {} nennt {}",
    "no bone plays it": "kein Knochen spielt diese Rolle",
    "the arms hang on {}, below the shoulders": "die Arme hängen an {}, unterhalb der Schultern",
    "between the hips and the head, {} bone(s)": "zwischen Hüfte und Kopf, {} Knochen",
    "one of two arms of equal lengths on the same trunk": "einer von zwei gleich langen Armen am selben Rumpf",
    "one of two legs of equal lengths on the same trunk": "eines von zwei gleich langen Beinen am selben Rumpf",
    "where legs and arms come together": "wo Beine und Arme zusammenkommen",
    "{}; left as {} show": "{}; links, wie {} zeigen",
    "{}; right as {} show": "{}; rechts, wie {} zeigen",
    "the feet": "die Füße",
    "the knees": "die Knie",
    "the elbows": "die Ellbogen",
    "the thumbs": "die Daumen",
    "the face": "das Gesicht",
    "the rest pose": "die Ruhepose",
    "{}: chosen by you; found was “{}”.": "{}: selbst gewählt; gefunden wurde „{}“.",
    "{}: chosen by you; nothing was found.": "{}: selbst gewählt; gefunden wurde nichts.",
    "{}: {} sure: {}.": "{}: {} sicher: {}.",
    "{}: no bone plays it. It moves with what it hangs on.": (
        "{}: kein Knochen spielt diese Rolle. Was dort ist, bewegt sich mit dem, woran es hängt."
    ),
    "the reviewed bones": "die geprüften Knochen",
    "Nothing is mapped to the {}: choose its bone in the table.": (
        "Für „{}“ ist kein Knochen bestimmt: In der Tabelle einen wählen."
    ),
    "Nothing is mapped to the hips: choose its bone in the table.": (
        "Für „Hüfte“ ist kein Knochen bestimmt: In der Tabelle einen wählen."
    ),
    "left clavicle": "linkes Schlüsselbein",
    "left upper arm": "linker Oberarm",
    "left forearm": "linker Unterarm",
    "left hand": "linke Hand",
    "left thigh": "linker Oberschenkel",
    "left shin": "linker Unterschenkel",
    "left foot": "linker Fuß",
    "left toe": "linke Zehen",
    "right clavicle": "rechtes Schlüsselbein",
    "right upper arm": "rechter Oberarm",
    "right forearm": "rechter Unterarm",
    "right hand": "rechte Hand",
    "right thigh": "rechter Oberschenkel",
    "right shin": "rechter Unterschenkel",
    "right foot": "rechter Fuß",
    "right toe": "rechte Zehen",
    "The armature has no bone '{}': choose another one.": "Das Skelett hat keinen Knochen „{}“: einen anderen wählen.",
    "'{}' is {} at once: a bone plays one role.": "„{}“ ist {} zugleich: Ein Knochen hat nur eine Rolle.",
    "The preset that this file was saved with is not installed here.": (
        "Die Vorgabe, mit der diese Datei gespeichert wurde, ist hier nicht installiert."
    ),
    "Choose another preset.": "Eine andere Vorgabe wählen.",
    "The preset {} cannot be written": "Die Vorgabe {} kann nicht geschrieben werden",
    "A preset cannot be called '{}'.": "Eine Vorgabe kann nicht „{}“ heißen.",
    "There is no preset '{}' of yours.": "Es gibt keine eigene Vorgabe „{}“.",
    "The preset {} cannot be deleted": "Die Vorgabe {} kann nicht gelöscht werden",
    "The folder {} cannot be made": "Der Ordner {} kann nicht angelegt werden",
    "Give it a name of letters and digits.": "Ihr einen Namen aus Buchstaben und Ziffern geben.",
    "The preset '{}' comes with Pose3D and cannot be changed.": (
        "Die Vorgabe „{}“ wird mit Pose3D geliefert und kann nicht geändert werden."
    ),
    "Choose one of your own presets.": "Eine eigene Vorgabe wählen.",
    "{} is the preset itself.": "{} ist die Vorgabe selbst.",
    "Save one of your own from the table.": "Aus der Tabelle eine eigene speichern.",
    "Choose another folder.": "Einen anderen Ordner wählen.",
    "There is a preset '{}' already ({}).": "Es gibt schon eine Vorgabe „{}“ ({}).",
    "Check the folder's permissions.": "Die Rechte des Ordners prüfen.",
    "Give another name.": "Einen anderen Namen geben.",
    "Presets": "Vorgaben",
    "Clear": "Leeren",
    "Add a row for one more bone of this chain. An empty row counts for nothing": (
        "Eine Zeile für einen weiteren Knochen dieser Kette anfügen. Eine leere Zeile zählt nicht"
    ),
    "Empty the table; the preset's bones are used again": (
        "Die Tabelle leeren; es werden wieder die Knochen der Vorgabe benutzt"
    ),
    "Delete this preset of yours from the disk. This cannot be undone": (
        "Diese eigene Vorgabe von der Festplatte löschen. Das kann nicht rückgängig gemacht werden"
    ),
    "Exchange the bones of the left and the right side in the table": (
        "Die Knochen der linken und der rechten Seite in der Tabelle tauschen"
    ),
    "Write the preset that the menu shows to a file, to give it to somebody": (
        "Die Vorgabe, die das Menü zeigt, in eine Datei schreiben, um sie weiterzugeben"
    ),
    "Fill the table: which bone of the armature is which part of the body, and how sure that is": (
        "Die Tabelle füllen: welcher Knochen des Skeletts welcher Teil des Körpers ist, und wie sicher das ist"
    ),
    "Add a preset from a file to your own": "Eine Vorgabe aus einer Datei zu den eigenen hinzufügen",
    "Give this preset of yours another name": "Dieser eigenen Vorgabe einen anderen Namen geben",
    "Save the table as a preset of your own, to be used for other armatures with the same bone names": (
        "Die Tabelle als eigene Vorgabe speichern, für andere Armaturen mit denselben Knochennamen"
    ),
    # Retarget
    "Retarget": "Übertragen",
    "Retarget Animation": "Animation übertragen",
    "Source": "Quelle",
    "An animated armature of the scene, whose animation Retarget Animation puts on the character": (
        "Ein animiertes Skelett der Szene, dessen Animation „Animation übertragen“ auf die Figur bringt"
    ),
    "Name of the armature that is animated. When empty, the source of the Pose3D tab": (
        "Name des Skeletts, das animiert ist. Wenn leer, die Quelle aus dem Tab Pose3D"
    ),
    "Name of the armature to animate. When empty, the armature of the Pose3D tab, or else the active one": (
        "Name des Skeletts, das animiert wird. Wenn leer, das Skelett aus dem Tab Pose3D, sonst das aktive"
    ),
    "Made the action “{}”, frames {} to {}.{}": "Die Aktion „{}“ wurde gemacht, Bilder {} bis {}.{}",
    "No source is chosen.": "Es ist keine Quelle gewählt.",
    "The source is the armature itself.": "Die Quelle ist das Skelett selbst.",
    "Choose the armature that has the animation.": "Das Skelett wählen, das die Animation hat.",
    "Choose another source.": "Eine andere Quelle wählen.",
    "The source has no bone for: {}.": "Die Quelle hat keinen Knochen für: {}.",
    "'{}' has no animation.": "„{}“ hat keine Animation.",
    "The animation of '{}' is {} frames long.": "Die Animation von „{}“ ist {} Bilder lang.",
    "'{}' is hidden, so Blender does not move it.": "„{}“ ist verborgen, deshalb bewegt Blender es nicht.",
    "'{}' shows its rest position.": "„{}“ zeigt seine Ruheposition.",
    "'{}' is in Edit Mode, where it does not move.": "„{}“ ist im Bearbeitungsmodus und bewegt sich darin nicht.",
    "'{}' is in Edit Mode, where it does not move: leave that to see it move.": (
        "„{}“ ist im Bearbeitungsmodus und bewegt sich darin nicht: ihn verlassen, um die Bewegung zu sehen."
    ),
    "The IK controls of '{}' cannot be keyed while it shows its rest position.": (
        "Die IK-Steuerungen von „{}“ können keine Keys bekommen, solange es seine Ruheposition zeigt."
    ),
    "The IK controls of '{}' cannot be keyed in Edit Mode.": (
        "Die IK-Steuerungen von „{}“ können im Bearbeitungsmodus keine Keys bekommen."
    ),
    "Leave Edit Mode and try again.": "Den Bearbeitungsmodus verlassen und es noch einmal versuchen.",
    "The IK controls of '{}' cannot be keyed while it is hidden in all viewports.": (
        "Die IK-Steuerungen von „{}“ können keine Keys bekommen, solange es in allen Ansichten verborgen ist."
    ),
    "Show it and its collection and try again.": "Es und seine Sammlung zeigen und es noch einmal versuchen.",
    "The NLA strip '{}' does not play its action once, forwards and at its own speed.": (
        "Der NLA-Streifen „{}“ spielt seine Aktion nicht einmal, vorwärts und in ihrer eigenen Geschwindigkeit ab."
    ),
    "The meta strip '{}' plays what is in it backwards.": "Der Metastreifen „{}“ spielt rückwärts ab, was in ihm ist.",
    "Switch Reversed off for it, in the sidebar of the Nonlinear Animation editor.": (
        "Umgekehrt für ihn ausschalten, in der Seitenleiste des Editors Nichtlineare Animation."
    ),
    "Set its Playback Scale and Repeat to 1, without Reversed and Animated Strip Time.": (
        "Abspielskalierung und Wiederholung auf 1 setzen, ohne Umgekehrt und animierte Streifenzeit."
    ),
    "'{}' has no slot of the action '{}', so nothing moves.": "„{}“ hat keinen Slot der Aktion „{}“, deshalb bewegt sich nichts.",
    "Choose one beside the action's name in the Action editor.": "Im Action-Editor neben dem Namen der Aktion einen wählen.",
    "Choose an armature with an action or NLA strips.": "Ein Skelett mit einer Aktion oder NLA-Streifen wählen.",
    "Choose one that moves.": "Eines wählen, das sich bewegt.",
    "Cut it to the part that is wanted.": "Sie auf den gewünschten Teil kürzen.",
    "Show it and try again.": "Es zeigen und noch einmal versuchen.",
    "Choose Pose Position in its Armature properties.": "In seinen Skelett-Eigenschaften die Posenposition wählen.",
    "Source: {}": "Quelle: {}",
    "'{}' has no legs to measure its steps by.": "„{}“ hat keine Beine, an denen seine Schritte zu messen wären.",
    "Choose its bones, or another source.": "Seine Knochen wählen, oder eine andere Quelle.",
    "Give the armature the animation of the source armature, as a new action. Both rigs' bones are found by themselves": (
        "Dem Skelett die Animation des Quellskeletts geben, als neue Aktion. Die Knochen beider Rigs werden von selbst gefunden"
    ),
    # The motion engine
    "Motion Engine": "Bewegungsrechner",
    "Set Up the Motion Engine": "Bewegungsrechner einrichten",
    "Continue Setting Up the Motion Engine": "Einrichten des Bewegungsrechners fortsetzen",
    "Remove the Motion Engine": "Bewegungsrechner entfernen",
    "Try the Motion Engine": "Bewegungsrechner ausprobieren",
    "Try It": "Ausprobieren",
    "Remove": "Entfernen",
    "Repair": "Reparieren",
    "Cancel Set-Up": "Einrichten abbrechen",
    "Open Log": "Protokoll öffnen",
    "Asking the package index": "Der Paketindex wird gefragt",
    "Fetching packages": "Pakete werden geholt",
    "Installing packages": "Pakete werden installiert",
    "Trying the engine": "Der Bewegungsrechner wird ausprobiert",
    "PyTorch, MediaPipe and OpenCV are fetched from the package index ({}) into {}.": (
        "PyTorch, MediaPipe und OpenCV werden vom Paketindex ({}) nach {} geholt."
    ),
    "{} MB/s{}": "{} MB/s{}",
    "The packages came with the add-on; nothing is fetched. They go into {}.": (
        "Die Pakete kamen mit dem Add-on; es wird nichts geholt. Sie kommen nach {}."
    ),
    "The motion engine is being set up already.": "Der Bewegungsrechner wird schon eingerichtet.",
    "The motion engine is being set up already: wait for it or cancel it": (
        "Der Bewegungsrechner wird schon eingerichtet: abwarten oder abbrechen"
    ),
    "Blender is set to stay offline. Allow it in Preferences > System > Network > Allow Online Access, or install the package of "
    "Pose3D that brings the engine along.": (
        "Blender soll offline bleiben. Unter Einstellungen > System > Netzwerk den Online-Zugriff erlauben, oder das Paket von Pose3D "
        "installieren, das den Bewegungsrechner mitbringt."
    ),
    "This Blender brings no Python that can be run by itself, and none was found.": (
        "Dieses Blender bringt kein Python mit, das für sich laufen kann, und es wurde keines gefunden."
    ),
    "The log is in the Text Editor as “{}”, and copied": "Das Protokoll ist im Texteditor als „{}“, und kopiert",
    "Install Python 3.11, 3.12 or 3.13 so that it is on PATH, or name one in the add-on's preferences.": (
        "Python 3.11, 3.12 oder 3.13 so installieren, dass es im PATH ist, oder eines in den Einstellungen des Add-ons nennen."
    ),
    "The motion engine is ready:": "Der Bewegungsrechner ist bereit:",
    "There is no motion engine in Pose3D's own folder": "In Pose3Ds eigenem Ordner ist kein Bewegungsrechner",
    "The motion engine was removed.": "Der Bewegungsrechner wurde entfernt.",
    "This motion engine runs:": "Dieser Bewegungsrechner läuft:",
    "Nothing is being set up": "Es wird nichts eingerichtet",
    "There is no log yet": "Es gibt noch kein Protokoll",
    "Cancelled. What was fetched is kept: set the engine up again and it goes on from there.": (
        "Abgebrochen. Was geholt wurde, bleibt: Beim nächsten Einrichten geht es dort weiter."
    ),
    "{} cannot be read: {}.": "{} kann nicht gelesen werden: {}.",
    "The motion engine runs in {}": "Der Bewegungsrechner läuft in {}",
    "The motion engine was made for another version of Pose3D: repair it to bring it up to date.": (
        "Der Bewegungsrechner wurde für eine andere Version von Pose3D gemacht: Reparieren bringt ihn auf den Stand von dieser."
    ),
    "Use an Existing Python": "Vorhandenes Python benutzen",
    "A Python (or its virtual environment) with torch and MediaPipe that runs the motion engine, as a studio may have one for all. "
    "Leave empty to use the one that Pose3D sets up": (
        "Ein Python (oder seine virtuelle Umgebung) mit torch und MediaPipe, in dem der Bewegungsrechner läuft, wie ein Studio eines "
        "für alle haben mag. Leer lassen, um das zu benutzen, das Pose3D einrichtet"
    ),
    "Cache Folder": "Cache-Ordner",
    "Where the motion found in a clip is kept. Leave empty to keep it in Pose3D's own folder": (
        "Wo die in einem Clip gefundene Bewegung aufbewahrt wird. Leer lassen für Pose3Ds eigenen Ordner"
    ),
    "Package Index": "Paketindex",
    "Address of one more package index to set the motion engine up from: a studio's mirror, or an index of other builds of PyTorch, "
    "for the CPU or for CUDA. Leave empty for what pip is configured with": (
        "Adresse eines weiteren Paketindex für das Einrichten des Bewegungsrechners: ein Spiegel des Studios, oder ein Index anderer "
        "Ausgaben von PyTorch, für die CPU oder für CUDA. Leer lassen für das, worauf pip eingestellt ist"
    ),
    "Cache Limit (GB)": "Cache-Grenze (GB)",
    "How much room takes may have on the disk. After each import the oldest are deleted, but never those that actions of the open "
    "file were made from": (
        "Wie viel Platz Takes auf der Festplatte haben dürfen. Nach jedem Import werden die ältesten gelöscht, aber nie die, aus denen "
        "Aktionen der offenen Datei gemacht wurden"
    ),
    "Save Settings as Defaults": "Einstellungen als Vorgaben sichern",
    "Let new files begin with this scene's settings of Clip, Motion and Output. They are kept in the preferences": (
        "Neue Dateien mit den Einstellungen dieser Szene für Clip, Bewegung und Ausgabe beginnen lassen. Sie stehen in den Voreinstellungen"
    ),
    "New files begin with these settings": "Neue Dateien beginnen mit diesen Einstellungen",
    "Load Default Settings": "Vorgaben laden",
    "Give this scene the default settings: yours where you saved some, else Pose3D's own": (
        "Dieser Szene die Vorgaben geben: die eigenen, wo welche gesichert sind, sonst die von Pose3D"
    ),
    "Forget Default Settings": "Eigene Vorgaben löschen",
    "Delete your default settings: new files begin with Pose3D's own again": (
        "Die eigenen Vorgaben löschen: neue Dateien beginnen wieder mit denen von Pose3D"
    ),
    "No defaults of your own are saved": "Es sind keine eigenen Vorgaben gesichert",
    "Enable Pose3D in the preferences first": "Pose3D zuerst in den Voreinstellungen aktivieren",
    "The motion engine {}.": "Der Bewegungsrechner {}.",
    "is not set up": "ist nicht eingerichtet",
    "is only half set up": "ist nur halb eingerichtet",
    "was made with a Python that is no longer there": "wurde mit einem Python gemacht, das nicht mehr da ist",
    "Press Set Up the Motion Engine in the Pose3D tab or in the add-on's preferences.": (
        "Im Tab Pose3D oder in den Einstellungen des Add-ons „Bewegungsrechner einrichten“ drücken."
    ),
    "Correct it, or leave it empty and set the motion engine up.": (
        "Es berichtigen, oder leer lassen und den Bewegungsrechner einrichten."
    ),
    "The motion engine's code is missing from {}.": "In {} fehlt der Code des Bewegungsrechners.",
    "There is no Python at {}, which {} names as the motion engine.": (
        "Bei {} ist kein Python, das {} als Bewegungsrechner nennt."
    ),
    "Install the add-on again.": "Das Add-on noch einmal installieren.",
    "Install the add-on again, or set {} to the project's folder.": (
        "Das Add-on noch einmal installieren, oder {} auf den Ordner des Projekts setzen."
    ),
    "{} has no folder {}.": "{} hat keinen Ordner {}.",
    "The motion engine {} could not be started: {}.": "Der Bewegungsrechner {} konnte nicht gestartet werden: {}.",
    "Check its Python in the preferences.": "Sein Python in den Einstellungen prüfen.",
    "The motion engine took longer than {} seconds and was ended.": (
        "Der Bewegungsrechner brauchte länger als {} Sekunden und wurde beendet."
    ),
    "ended without a result": "endete ohne Ergebnis",
    "stopped unexpectedly ({})": "brach unerwartet ab ({})",
    "The end of its log:\n{}": "Das Ende seines Protokolls:\n{}",
    "It left no log.": "Es gibt kein Protokoll von ihm.",
    "The motion engine speaks protocol {}, this add-on knows {}.": (
        "Der Bewegungsrechner spricht das Protokoll {}, dieses Add-on kennt {}."
    ),
    "Update the add-on.": "Das Add-on aktualisieren.",
    "More is in {}.": "Mehr steht in {}.",
    "The motion engine in {} does not run: {}": "Der Bewegungsrechner in {} läuft nicht: {}",
    "There is no motion engine for this machine: {}.": "Für diesen Rechner gibt es keinen Bewegungsrechner: {}.",
    "The motion engine cannot be set up here: {}.": "Der Bewegungsrechner kann hier nicht eingerichtet werden: {}.",
    "Use another machine for this step.": "Dafür einen anderen Rechner nehmen.",
    "PyTorch is no longer made for Macs with Intel processors (with Apple silicon, take the Blender made for that)": (
        "PyTorch wird für Macs mit Intel-Prozessor nicht mehr gemacht (mit Apple-Prozessor das Blender dafür nehmen)"
    ),
    "PyTorch needs macOS {} or newer, and this is {}": "PyTorch braucht macOS {} oder neuer, und dies ist {}",
    "its packages are not made for Windows on ARM processors": (
        "seine Pakete werden für Windows auf ARM-Prozessoren nicht gemacht"
    ),
    "The motion engine cannot be set up here: {}{}.": "Der Bewegungsrechner kann hier nicht eingerichtet werden: {}{}.",
    "{} packages, {} MB": "{} Pakete, {} MB",
    "The motion engine could not be set up: {}": "Der Bewegungsrechner konnte nicht eingerichtet werden: {}",
    "The disk that holds {} is full.": "Die Festplatte mit {} ist voll.",
    "{} has no package {}.": "{} hat kein Paket {}.",
    "Repair it, or choose another Python.": "Reparieren, oder ein anderes Python wählen.",
    "Install that library with your system's package manager and try the engine again.": (
        "Diese Bibliothek mit der Paketverwaltung des Systems installieren und den Bewegungsrechner noch einmal ausprobieren."
    ),
    "Install Microsoft's Visual C++ Redistributable and try the engine again.": (
        "Das Visual C++ Redistributable von Microsoft installieren und den Bewegungsrechner noch einmal ausprobieren."
    ),
    "The list of the motion engine's packages, {}, is missing.": "Die Liste der Pakete des Bewegungsrechners, {}, fehlt.",
    "Install Python 3.11, 3.12 or 3.13 so that it is on PATH and set the engine up again, or name one under Use an Existing Python in "
    "the add-on's preferences.": (
        "Python 3.11, 3.12 oder 3.13 so installieren, dass es im PATH ist, und den Bewegungsrechner noch einmal einrichten, oder eines "
        "unter „Vorhandenes Python benutzen“ in den Einstellungen des Add-ons nennen."
    ),
    "The disk that holds {} has {} GB free, the motion engine needs {} GB.": (
        "Die Festplatte mit {} hat {} GB frei, der Bewegungsrechner braucht {} GB."
    ),
    "{} came damaged: its checksum is wrong.": "{} kam beschädigt an: Die Prüfsumme stimmt nicht.",
    "{} came damaged twice: its checksum is wrong.": "{} kam zweimal beschädigt an: Die Prüfsumme stimmt nicht.",
    "The package index's certificate is not trusted: {}.": "Dem Zertifikat des Paketindex wird nicht vertraut: {}.",
    "Set the clock right; where the network has a certificate of its own, name its file in pip's setting cert.": (
        "Die Uhr richtig stellen; wo das Netz ein eigenes Zertifikat hat, dessen Datei in der pip-Einstellung cert nennen."
    ),
    "{} Then set the engine up again. {}": "{} Danach den Bewegungsrechner noch einmal einrichten. {}",
    "The package index could not be reached.": "Der Paketindex war nicht zu erreichen.",
    "In {} the names of the motion engine's files would be longer than the system takes.": (
        "In {} wären die Namen der Dateien des Bewegungsrechners länger, als das System sie annimmt."
    ),
    "Allow long paths in Windows, or give Blender a user folder with a shorter name. {}": (
        "Lange Pfade in Windows erlauben oder Blender einen Benutzerordner mit kürzerem Namen geben. {}"
    ),
    "The folder {} cannot be written.": "In den Ordner {} kann nicht geschrieben werden.",
    "The folder {} cannot be used: {} ({}).": "Der Ordner {} ist nicht zu gebrauchen: {} ({}).",
    "The folder {} cannot be written ({}).": "In den Ordner {} kann nicht geschrieben werden ({}).",
    "The disk that holds {} takes no links, which a Python environment has.": (
        "Der Datenträger mit {} nimmt keine Verknüpfungen an, die eine Python-Umgebung enthält."
    ),
    "The disk that holds {} lets no programs run (noexec).": ("Der Datenträger mit {} lässt keine Programme laufen (noexec)."),
    "Give Blender a user folder on another disk, or set POSE3D_HOME to a folder there.": (
        "Blender einen Benutzerordner auf einem anderen Datenträger geben oder POSE3D_HOME auf einen Ordner dort setzen."
    ),
    "No Python environment can be made in {}: {}": "In {} lässt sich keine Python-Umgebung anlegen: {}",
    "Make room and set the engine up again.": "Platz schaffen und den Bewegungsrechner noch einmal einrichten.",
    "{} does not run: {}.": "{} läuft nicht: {}.",
    "Install the packages of pyproject.toml's group lifter in it, or set the motion engine up.": (
        "Die Pakete der Gruppe lifter aus pyproject.toml darin installieren, oder den Bewegungsrechner einrichten."
    ),
    "Another Blender is setting up the motion engine in {}.": "Ein anderes Blender richtet den Bewegungsrechner in {} ein.",
    "The download of {} broke off: {}.": "Das Holen von {} brach ab: {}.",
    "Try again later.": "Es später noch einmal versuchen.",
    "Check the network (and pip's proxy and index settings), and set the engine up again. {}": (
        "Das Netzwerk prüfen (und pips Einstellungen für Proxy und Index) und den Bewegungsrechner noch einmal einrichten. {}"
    ),
    "Free it, or give Blender another user folder.": "Ihn freigeben, oder Blender einen anderen Benutzerordner geben.",
    "Choose another Python.": "Ein anderes Python wählen.",
    "Wait until it is done, then try again.": "Warten, bis es fertig ist, dann noch einmal versuchen.",
    "Check the network and set the engine up again: it continues where it was.": (
        "Das Netzwerk prüfen und den Bewegungsrechner noch einmal einrichten: Es geht dort weiter, wo es war."
    ),
    "{} could not be removed ({}).": "{} konnte nicht entfernt werden ({}).",
    "The motion engine in {} cannot be replaced or removed ({}).": (
        "Der Bewegungsrechner in {} lässt sich nicht ersetzen oder entfernen ({})."
    ),
    "Close what uses it, as another Blender, and try again.": (
        "Schließen, was ihn benutzt, etwa ein weiteres Blender, und es noch einmal versuchen."
    ),
    "Close what uses it and remove it again.": "Schließen, was es benutzt, und es noch einmal entfernen.",
    "Stop setting up. What was fetched is kept, and the next set-up goes on from there": (
        "Das Einrichten abbrechen. Was geholt wurde, bleibt, und das nächste Einrichten geht dort weiter"
    ),
    "Run the motion engine's Python once, to see whether it has what is needed": (
        "Das Python des Bewegungsrechners einmal laufen lassen, um zu sehen, ob es hat, was nötig ist"
    ),
    "Open the log of the last set-up in a text editor of Blender's": (
        "Das Protokoll des letzten Einrichtens in einem Texteditor von Blender öffnen"
    ),
    "Delete the motion engine and its models from Pose3D's own folder. Takes and settings stay": (
        "Den Bewegungsrechner und seine Modelle aus Pose3Ds eigenem Ordner löschen. Takes und Einstellungen bleiben"
    ),
    "Fetch the packages that find the motion in a clip, and put them into Pose3D's own folder. Blender's own are not touched": (
        "Die Pakete holen, die die Bewegung in einem Clip finden, und in Pose3Ds eigenen Ordner legen. Blenders eigene werden nicht angerührt"
    ),
    "Set the engine up again: it goes on from there. Its log is {}.": (
        "Den Bewegungsrechner noch einmal einrichten: Es geht dort weiter. Sein Protokoll ist {}."
    ),
    "The set-up ended without a word.": "Das Einrichten endete ohne ein Wort.",
    # The solve
    "The clip has only one frame, which gives one pose: make a video of a sequence of pictures first.": (
        "Der Clip hat nur ein Bild, das eine Pose ergibt: Aus einer Folge von Bildern zuerst ein Video machen."
    ),
    "Nobody was found at {}{}; the pose is held there.": "Bei {}{} wurde niemand gefunden; dort wird die Pose gehalten.",
    "This track has no hands in it, so the fingers are relaxed: import its clip again to have them looked at.": (
        "In dieser Spur sind keine Hände, darum sind die Finger entspannt: den Clip noch einmal importieren, damit sie angesehen werden."
    ),
    "No hand was found in the clip, so the fingers are relaxed.": (
        "Im Clip wurde keine Hand gefunden, darum sind die Finger entspannt."
    ),
    " and {} more": " und {} weiteren Stellen",
    "{} to {} s": "{} bis {} s",
    "'{}' has lost its bone '{}' while the motion was made.": (
        "„{}“ hat seinen Knochen „{}“ verloren, während die Bewegung gemacht wurde."
    ),
    "'{}' shows its rest position: choose Pose Position in its Armature properties to see it move.": (
        "„{}“ zeigt seine Ruheposition: In den Skelett-Eigenschaften die Posenposition wählen, um die Bewegung zu sehen."
    ),
    "'{}' hangs on '{}', which moves: the animation is made for where that is at frame {}, and is carried along.": (
        "„{}“ hängt an „{}“, das sich bewegt: Die Animation ist für dessen Platz bei Bild {} gemacht und wird mitgetragen."
    ),
    "An NLA track of '{}' plays solo and hides the animation: click its star.": (
        "Eine NLA-Spur von „{}“ spielt solo und verdeckt die Animation: ihren Stern anklicken."
    ),
    "The action '{}' is no longer played, and it moved hips and legs: push it down into the NLA before.": (
        "Die Aktion „{}“ wird nicht mehr gespielt, und sie hat Hüfte und Beine bewegt: sie vorher in die NLA schieben."
    ),
    "The action '{}' is no longer played, and it moved the armature object, which stays where it is now: push it down into the NLA"
    " before.": (
        "Die Aktion „{}“ wird nicht mehr gespielt, und sie hat das Skelett-Objekt bewegt, das bleibt, wo es jetzt ist: sie vorher in"
        " die NLA schieben."
    ),
    "The NLA of '{}' is switched off, so the new strip does not play: switch it on in its editor.": (
        "Die NLA von „{}“ ist ausgeschaltet, der neue Streifen spielt also nicht: sie in ihrem Editor einschalten."
    ),
    "The action '{}' is no longer played, and it moved '{}', which the whole character follows and which stays where it is now: push it"
    " down into the NLA before.": (
        "Die Aktion „{}“ wird nicht mehr gespielt, und sie hat „{}“ bewegt, dem die ganze Figur folgt und das bleibt, wo es jetzt ist:"
        " sie vorher in die NLA schieben."
    ),
    "NLA strips move the object '{}' itself, and the character goes along: mute them if it should not.": (
        "NLA-Streifen bewegen das Objekt „{}“ selbst, und die Figur geht mit: diese stumm schalten, wenn sie das nicht soll."
    ),
    "The action of '{}' is blended with its NLA tracks, so the pose is mixed: mute them, or choose Replace.": (
        "Die Aktion von „{}“ wird mit den NLA-Spuren gemischt: diese stumm schalten, oder „Ersetzen“ wählen."
    ),
    "'{}' on {}": "„{}“ an {}",
    "Constraints that change what is keyed are muted in the new action: {}. Blender leaves them so when the action is taken away; set "
    "them back then.": (
        "Constraints, die ändern, was Schlüsselbilder hat, sind in der neuen Aktion stumm: {}. Blender lässt sie so, wenn die Aktion "
        "weggenommen wird; dann zurückstellen."
    ),
    "Drivers switch these constraints, so the new action cannot mute them: {}.": (
        "Treiber schalten diese Constraints, deshalb kann die neue Aktion sie nicht stumm schalten: {}."
    ),
    "Drivers set {}: keys have no effect there, and an action cannot mute a driver.": (
        "Treiber setzen {}: Dort wirken keine Schlüsselbilder, und eine Aktion kann einen Treiber nicht stumm schalten."
    ),
    "Rotation axes are locked on {}; {}": "Drehachsen sind gesperrt bei {}; {}",
    "Constraints change what is keyed: {}. Mute them for the new action if the result looks wrong.": (
        "Constraints ändern, was Schlüsselbilder hat: {}. Sie für die neue Aktion stumm schalten, wenn das Ergebnis falsch aussieht."
    ),
    "The IK target of the {} is no bone of '{}' but '{}', which is not keyed; the limb keeps its FK keys.": (
        "Das IK-Ziel von {} ist kein Knochen von „{}“, sondern „{}“, das keine Schlüsselbilder bekommt; das Glied behält seine FK-"
        "Schlüsselbilder."
    ),
    "Hands or feet hang on IK controls and stay behind: {}. Choose FK and IK Controls under Output, Limbs.": (
        "Hände oder Füße hängen an IK-Steuerungen und bleiben zurück: {}. Unter Ausgabe, Gliedmaßen „FK und IK“ wählen."
    ),
    "The {} has no IK control, so it keeps its FK keys.": "{} hat keine IK-Steuerung und behält deshalb die FK-Schlüsselbilder.",
    "'{}' is linked from another file, so its animation would not be saved.": (
        "„{}“ ist aus einer anderen Datei verknüpft, deshalb würde seine Animation nicht gespeichert."
    ),
    "Make a library override of it first (Object menu, Library Override).": (
        "Zuerst eine Bibliotheksüberschreibung davon machen (Menü Objekt)."
    ),
    "'{}' lies over '{}', and the new action would hide it.": "„{}“ liegt über „{}“, und die neue Aktion würde sie verdecken.",
    "Mute it in the NLA (push it down first) until the new action is pushed down under it.": (
        "Sie in der NLA stumm schalten (vorher hineinschieben), bis die neue Aktion unter sie geschoben ist."
    ),
    "The keys of the action were moved apart or together in time, so its moments are no longer those of the clip.": (
        "Die Schlüsselbilder der Aktion wurden zeitlich auseinander- oder zusammengeschoben, sodass ihre Augenblicke nicht mehr die"
        " des Clips sind."
    ),
    "Scale all of them alike, or solve the take again.": "Alle gleich skalieren, oder die Aufnahme noch einmal lösen.",
    "'{}' is being animated.": "„{}“ wird gerade animiert.",
    "Wait until its action is made.": "Warten, bis die Aktion gemacht ist.",
    "The scene “{}” is linked from another file.": "Die Szene „{}“ ist aus einer anderen Datei verknüpft.",
    "Show the clip in a scene of this one.": "Den Clip in einer Szene dieser Datei zeigen.",
    "The animation of '{}' ends at frame {}, and Blender writes nothing before frame 0.": (
        "Die Animation von „{}“ endet bei Bild {}, und Blender schreibt nichts vor Bild 0."
    ),
    "Move its keys to frame 0 or later.": "Ihre Schlüsselbilder auf Bild 0 oder später schieben.",
    "The animation begins at frame {}, and Blender writes nothing before frame 0: move its keys to keep it.": (
        "Die Animation beginnt bei Bild {}, und Blender schreibt nichts vor Bild 0: ihre Schlüsselbilder verschieben, um es zu behalten."
    ),
    "Hidden, so not in the file: {}. Show them, or disable them in renders.": (
        "Verborgen, also nicht in der Datei: {}. Einblenden, oder in Renderings deaktivieren."
    ),
    "Not in the file, because shape keys are: the modifiers of {}. Apply them to have them there.": (
        "Nicht in der Datei, weil Formschlüssel darin sind: die Modifikatoren von {}. Anwenden, damit sie es sind."
    ),
    "Not in the file, because modifiers are: the shape keys of {}. Disable these modifiers to have them there.": (
        "Nicht in der Datei, weil Modifikatoren darin sind: die Formschlüssel von {}. Diese Modifikatoren abschalten, damit sie es"
        " sind."
    ),
    "The action '{}' has no contact markers.": "Die Aktion „{}“ hat keine Kontaktmarkierungen.",
    "Add pose markers such as 'left heel down' and 'left heel up' in the action editor.": (
        "Im Action-Editor Posenmarkierungen wie „left heel down“ und „left heel up“ hinzufügen."
    ),
    "How well Pose3D saw the person in the clip: look where it is low": (
        "Wie gut Pose3D die Person im Clip sah: dort nachsehen, wo es niedrig ist"
    ),
    "The action '{}' does not say which track it was made from.": (
        "Die Aktion „{}“ sagt nicht, aus welchem Track sie gemacht wurde."
    ),
    "Of the action '{}' only another slot says which track it was made from.": (
        "Von der Aktion „{}“ sagt nur ein anderer Slot, aus welchem Track er gemacht wurde."
    ),
    "Import the clip again.": "Den Clip noch einmal importieren.",
    "'{}' follows a camera.": "„{}“ folgt einer Kamera.",
    "Press Stop Live first.": "Zuerst auf „Live beenden“ drücken.",
    "'{}' is not an armature.": "„{}“ ist kein Skelett.",
    "The armature '{}' has no bones.": "Das Skelett „{}“ hat keine Knochen.",
    "Choose an armature object.": "Ein Skelett-Objekt wählen.",
    "Choose an armature with a body.": "Ein Skelett mit einem Körper wählen.",
    "The contact '{} {}' from {} to {} s is not one.": "Der Kontakt „{} {}“ von {} bis {} s ist keiner.",
    "Choose left or right, heel or toe, and an end after the start.": (
        "Links oder rechts, Ferse oder Zehe wählen, und ein Ende nach dem Anfang."
    ),
    "Nobody was found in the clip.": "Im Clip wurde niemand gefunden.",
    "Choose a clip or a frame range that shows a person.": "Einen Clip oder einen Teil wählen, der eine Person zeigt.",
    "No bone of the armature is a foot.": "Kein Knochen des Skeletts ist ein Fuß.",
    "The legs in the track have no length.": "Die Beine im Track haben keine Länge.",
    "Choose another preset, or name the feet in this one.": "Eine andere Vorgabe wählen, oder die Füße in dieser nennen.",
    "Import the clip again to make a new track.": "Den Clip noch einmal importieren, um einen neuen Track zu machen.",
    "The {} chain is broken at '{}'.": "Die Kette {} ist bei „{}“ unterbrochen.",
    "The armature's bones are not ordered from parent to child.": "Die Knochen des Skeletts sind nicht von Eltern zu Kindern geordnet.",
    "The armature's scale is zero in some direction.": "Die Skalierung des Skeletts ist in einer Richtung null.",
    "Set the object's scale (N panel, Item) and try again.": (
        "Die Skalierung des Objekts setzen (Seitenleiste, Element) und noch einmal versuchen."
    ),
    "The bone '{}' ({}) has no length.": "Der Knochen „{}“ ({}) hat keine Länge.",
    "Pose3D cannot tell which way the character faces: its hips and shoulders are not side by side at rest.": (
        "Pose3D kann nicht erkennen, wohin die Figur sieht: Hüften und Schultern sind in Ruhe nicht nebeneinander."
    ),
    "Check that the preset's left and right bones are different ones.": (
        "Prüfen, ob linke und rechte Knochen der Vorgabe verschiedene sind."
    ),
    "This is a fault of Pose3D; please report it.": "Das ist ein Fehler von Pose3D; bitte melden.",
    "Please report this.": "Das bitte melden.",
    "'{}' ({} {}) is not below {}.": "„{}“ ({} {}) liegt nicht unter {}.",
    "The character lies at rest, so Pose3D cannot tell which way it faces.": (
        "Die Figur liegt in der Ruheposition, daher ist nicht zu erkennen, wohin sie schaut."
    ),
    "Turn the armature, or the rest pose of the file, so that the character stands.": (
        "Das Skelett oder die Ruheposition der Datei so drehen, dass die Figur steht."
    ),
    "The character does not stand at rest, so its feet and where it faces may be wrong: turn the armature object so that it stands.": (
        "Die Figur steht in der Ruheposition nicht, daher können Füße und Blickrichtung falsch sein: das Skelett-Objekt so drehen,"
        " dass sie steht."
    ),
    "'{}' ({} thigh) is not below '{}' (hips).": "„{}“ (Oberschenkel, {}) liegt nicht unter „{}“ (Hüfte).",
    "Choose another bone or preset.": "Einen anderen Knochen oder eine andere Vorgabe wählen.",
    "The pole target of the {} is no bone of '{}' but '{}', which is not keyed; the limb keeps its FK keys.": (
        "Das Polziel von {} ist kein Knochen von „{}“, sondern „{}“, das keine Schlüsselbilder bekommt; das Glied behält seine FK-Schlüsselbilder."
    ),
    # Presets and recognition
    "The preset {} cannot be used: {}.": "Die Vorgabe {} kann nicht benutzt werden: {}.",
    "The preset {} was written by a newer version of Pose3D.": "Die Vorgabe {} wurde von einer neueren Version von Pose3D geschrieben.",
    "There are no presets.": "Es gibt keine Vorgaben.",
    "Install Pose3D again.": "Pose3D noch einmal installieren.",
    "Update Pose3D.": "Pose3D aktualisieren.",
    "No bone of the armature is the {} ({}: {}).": "Kein Knochen des Skeletts ist {} ({}: {}).",
    "Mend the file or choose another preset.": "Die Datei berichtigen oder eine andere Vorgabe wählen.",
    "Cannot read the preset {}: {}.": "Die Vorgabe {} kann nicht gelesen werden: {}.",
    "{} (of format_version 2)": "{} (ab format_version 2)",
    "'name' must be a text": "„name“ muss ein Text sein",
    "'description' must be a text": "„description“ muss ein Text sein",
    "'bones' must be there and be an object": "„bones“ muss da und ein Objekt sein",
    "'{}' must be a bone name or a list of bone names": "„{}“ muss ein Knochenname oder eine Liste von Knochennamen sein",
    "'{}' must be an object": "„{}“ muss ein Objekt sein",
    "'{}' must have a 'control', may have a 'pole', and nothing else": (
        "„{}“ muss ein „control“ haben, kann einen „pole“ haben, und sonst nichts"
    ),
    "'locks' must be a list of {bone: name, rotation: some of \"xyz\"}": (
        "„locks“ muss eine Liste von {bone: Name, rotation: einige von „xyz“} sein"
    ),
    "'{}' must be a list of {bone, property, value}": "„{}“ muss eine Liste von {{bone, property, value}} sein",
    "'{}' must be a list of {bone: text, property: text, value: number}": (
        "„{}“ muss eine Liste von {{bone: Text, property: Text, value: Zahl}} sein"
    ),
    "There is no preset '{}'.": "Es gibt keine Vorgabe „{}“.",
    "Choose one of: auto, {}.": "Eine von diesen wählen: auto, {}.",
    "Choose another preset, or write one for this rig (rigs/README.md says how) and give its file.": (
        "Eine andere Vorgabe wählen, oder eine für dieses Rig schreiben (rigs/README.md sagt, wie) und ihre Datei angeben."
    ),
    "Choose a preset, or write one for this rig (rigs/README.md says how) and give its file.": (
        "Eine Vorgabe wählen, oder eine für dieses Rig schreiben (rigs/README.md sagt, wie) und ihre Datei angeben."
    ),
    "Left and right look exchanged: {} show the bones named left on the character's right": (
        "Links und rechts scheinen vertauscht: {} zeigen die links genannten Knochen auf der rechten Seite der Figur"
    ),
    "{}; they are taken the other way round. Name the preset ({}) to follow the names.": (
        "{}; sie werden umgekehrt genommen. Die Vorgabe ({}) nennen, um den Namen zu folgen."
    ),
    "{}. Exchange them in the mapping, or choose Automatic.": "{}. Sie in der Zuordnung tauschen, oder „Automatisch“ wählen.",
    "No bone of the armature is the hips: {}.{}": "Kein Knochen des Skeletts ist die Hüfte: {}.{}",
    "'{}' begins high above the ground at rest": "„{}“ beginnt in der Ruhepose hoch über dem Boden",
    "the only bone that hangs on '{}'": "der einzige Knochen, der an „{}“ hängt",
    "'{}' is called so; ": "„{}“ heißt so; ",
    "'{}' is called so; {}": "„{}“ heißt so; {}",
    "'{}' is called so": "„{}“ heißt so",
    "{} and {}": "{} und {}",
    "Which side is the left one is not clear from the rest pose: check the left and right bones.": (
        "Welche Seite die linke ist, geht aus der Ruhepose nicht klar hervor: die linken und rechten Knochen prüfen."
    ),
    "The armature has controls beside the bones that move its mesh. Those bones are mapped; if constraints hold them, map the controls "
    "instead.": (
        "Das Skelett hat Steuerungen neben den Knochen, die ihr Netz bewegen. Diese Knochen sind zugeordnet; wenn Constraints sie "
        "halten, stattdessen die Steuerungen zuordnen."
    ),
    "Not sure of: {}. Check the mapping.": "Nicht sicher bei: {}. Die Zuordnung prüfen.",
    "The arms and legs are no whole chains; the bones were told by their names alone. Check the mapping.": (
        "Die Arme und Beine sind keine ganzen Ketten; die Knochen wurden nur an ihren Namen erkannt. Die Zuordnung prüfen."
    ),
    "Left and right look exchanged: {} show the bones named left on the character's right, and are followed.": (
        "Links und rechts scheinen vertauscht: {} zeigen die links genannten Knochen auf der rechten Seite der Figur, und ihnen wird "
        "gefolgt."
    ),
    "Left and right may be exchanged: the names were followed, the rest pose does not show it clearly.": (
        "Links und rechts könnten vertauscht sein: Den Namen wurde gefolgt, die Ruhepose zeigt es nicht klar."
    ),
    # Files
    "'{}' is not a rig file.": "„{}“ ist keine Rig-Datei.",
    "There is no rig file {}.": "Es gibt keine Rig-Datei {}.",
    "{} has {}.": "{} hat {}.",
    "no armature": "kein Skelett",
    "no armature called '{}'": "kein Skelett namens „{}“",
    "'{}' is not a kind of file that Pose3D writes.": "„{}“ ist keine Art von Datei, die Pose3D schreibt.",
    "{} was written, but holds no animation when it is read back.": (
        "{} wurde geschrieben, enthält beim Zurücklesen aber keine Animation."
    ),
    "The armature '{}' is in a collection that the view layer leaves out.": (
        "Das Skelett „{}“ ist in einer Sammlung, die die Ansichtsebene auslässt."
    ),
    "The armature '{}' is in a hidden collection.": "Das Skelett „{}“ ist in einer verborgenen Sammlung.",
    "Rigify did not make a rig.": "Rigify hat kein Rig gemacht.",
    "Give a file of the kind {}, or the word rigify.": "Eine Datei der Art {} angeben, oder das Wort rigify.",
    "Check the path.": "Den Pfad prüfen.",
    "Choose a file with a rigged character.": "Eine Datei mit einer geriggten Figur wählen.",
    "Blender did not write {}.": "Blender hat {} nicht geschrieben.",
    "Cannot write {}: {}.": "{} kann nicht geschrieben werden: {}.",
    "Include it in the file.": "Es in der Datei einschließen.",
    "Show it in the file.": "Es in der Datei zeigen.",
    "Blender cannot read {}: {}.": "Blender kann {} nicht lesen: {}.",
    "Rigify cannot make its rig here: {}.": "Rigify kann sein Rig hier nicht machen: {}.",
    "Check that this Blender has the Rigify add-on.": "Prüfen, ob dieses Blender das Add-on Rigify hat.",
    "Choose another folder or another kind of file.": "Einen anderen Ordner oder eine andere Art von Datei wählen.",
    "Check that the file opens in Blender.": "Prüfen, ob die Datei sich in Blender öffnen lässt.",
    "Import the clip again to make a new one.": "Den Clip noch einmal importieren, um einen neuen zu machen.",
    "The track file {} was written by a newer version of Pose3D (format_version {}).": (
        "Die Track-Datei {} wurde von einer neueren Version von Pose3D geschrieben (format_version {})."
    ),
    "The track file {} cannot be used: {}.": "Die Track-Datei {} kann nicht benutzt werden: {}.",
    "{} is of the unknown array format {}": "{} hat das unbekannte Array-Format {}",
    "{} holds pickled objects, which are never read": "{} enthält Pickle-Objekte, die nie gelesen werden",
    "{} has the impossible shape {}": "{} hat die unmögliche Form {}",
    "{} is longer or shorter than its shape says": "{} ist länger oder kürzer, als die Form sagt",
    "{} is missing": "{} fehlt",
    "{} has the shape {} where {} is expected": "{} hat die Form {}, wo {} erwartet wird",
    "{} is {} where {} is expected": "{} ist {}, wo {} erwartet wird",
    "{} has values that are not finite": "{} hat Werte, die nicht endlich sind",
    "{} has values outside 0 to 1": "{} hat Werte außerhalb von 0 bis 1",
    "{} has values where nobody was detected": "{} hat Werte, wo niemand gefunden wurde",
    "There is no track file {}.": "Es gibt keine Track-Datei {}.",
    "Choose a folder that can be written to.": "Einen Ordner wählen, in den geschrieben werden kann.",
    "The motion would end at frame {}, and Blender has none after {}.": (
        "Die Bewegung würde bei Bild {} enden, und nach {} hat Blender keine."
    ),
    "Let the scene start earlier.": ("Die Szene früher beginnen lassen."),
    "A strip of '{}' is being edited (tweak mode), which allows no other action.": (
        "Ein Streifen von '{}' wird gerade bearbeitet (Tweak-Modus); das lässt keine andere Aktion zu."
    ),
    "Leave tweak mode first (Tab in the Nonlinear Animation editor).": ("Zuerst den Tweak-Modus verlassen (Tab im NLA-Editor)."),
    "{} It is left out.": ("{} Sie wird ausgelassen."),
    "A motion of {} s has more frames at {} a second than Blender's {}.": (
        "Eine Bewegung von {} s hat bei {} Bildern in der Sekunde mehr Bilder als die {} von Blender."
    ),
    "Choose a shorter part of it, or a lower frame rate.": ("Einen kürzeren Teil davon oder eine niedrigere Bildrate wählen."),
    "The armature's place, rotation or scale is not a usable number.": (
        "Ort, Drehung oder Größe des Skeletts sind keine brauchbaren Zahlen."
    ),
    "Clear the object's transforms (Object menu, Clear) and try again.": (
        "Die Transformationen des Objekts löschen (Menü Objekt, Löschen) und es noch einmal versuchen."
    ),
    "The bone '{}' plays two roles: {} and {}.": ("Der Knochen '{}' spielt zwei Rollen: {} und {}."),
    "Give each its own bone in the preset or the table, or choose another preset.": (
        "Jeder in der Vorgabe oder der Tabelle einen eigenen Knochen geben oder eine andere Vorgabe wählen."
    ),
    "{} has values beyond {}, which no clip of a person has": ("{} hat Werte über {}, wie kein Clip eines Menschen sie hat"),
    "{} has a damaged header": ("{} hat einen beschädigten Kopf"),
    "'{}' in its provenance is not a JSON object": ("'{}' in seiner Herkunft ist kein JSON-Objekt"),
    "{} is not the file that this version of Pose3D was made with: its SHA-256 is another.": (
        "{} ist nicht die Datei, mit der diese Version von Pose3D gemacht wurde: ihre SHA-256 ist eine andere."
    ),
    "Check which package index pip uses; one that you trust is named in the add-on's preferences.": (
        "Prüfen, welchen Paketindex pip verwendet; einer, dem Sie vertrauen, wird in den Einstellungen des Add-ons angegeben."
    ),
    "The animation of '{}' has values that are no numbers.": "Die Animation von '{}' hat Werte, die keine Zahlen sind.",
    "Export it again where it was made.": "Sie dort noch einmal exportieren, wo sie gemacht wurde.",
    "'{}' (hips) is below {}.": "'{}' (Hüfte) ist unterhalb von {}.",
    "The track file {} cannot be read: {}.": "Die Bewegungsdatei {} kann nicht gelesen werden: {}.",
    "Check the path and its permissions.": "Den Pfad und seine Rechte prüfen.",
    "Check the file's permissions.": "Die Rechte der Datei prüfen.",
    "Root Motion": "Root-Motion",
    "In glTF and FBX, for games: what the bone above the hips, or else the armature itself, does": "In glTF und FBX, für Spiele: was"
    " der Knochen über der Hüfte, sonst das Skelett selbst, tut",
    "As it is animated: the hips go, and what they hang on stays": "Wie animiert: die Hüfte geht, und woran sie hängt, bleibt",
    "The root goes where the hips go; their height and what they sway stays theirs": "Die Wurzel geht, wohin die Hüfte geht; deren"
    " Höhe und Schwanken bleiben bei ihr",
    "Path Only": "Nur der Weg",
    "Path and Heading": "Weg und Richtung",
    "The root turns with the hips as well": "Die Wurzel dreht sich auch mit der Hüfte",
    "Deform Bones Only": "Nur Deform-Knochen",
    "In exported files: the bones that deform, as one tree, without the rig's controls and helpers": "In exportierten Dateien: die"
    " Knochen, die verformen, als ein Baum, ohne Steuer- und Hilfsknochen des Rigs",
    "No bone of '{}' deforms.": "Kein Knochen von „{}“ verformt etwas.",
    "Leave Deform Bones Only off, or tick Deform in its bones.": "„Nur Deform-Knochen“ weglassen, oder in den Knochen „Deform“"
    " anhaken.",
    "Root Motion is for .fbx and .glb files, not for {}.": "Root-Motion gibt es in .fbx- und .glb-Dateien, nicht in {}.",
    "Leave it off, or write one of these.": "Sie weglassen, oder eine solche Datei schreiben.",
    "'{}' has another scale in each direction, so its root cannot turn the body.": "„{}“ ist in jeder Richtung anders skaliert,"
    " deshalb kann die Wurzel den Körper nicht drehen.",
    "Apply its scale (Object menu, Apply), or choose Path Only.": "Die Skalierung anwenden (Menü Objekt, Anwenden), oder nur"
    " den Weg wählen.",
    "The bone '{}' does not follow its keys, so the root of '{}' cannot carry the body.": "Der Knochen „{}“ folgt seinen Keyframes"
    " nicht, deshalb kann die Wurzel von „{}“ den Körper nicht tragen.",
    "Export it without Root Motion, or bake its pose first (Pose menu, Animation, Bake Action).": "Ohne Root-Motion exportieren,"
    " oder die Pose zuerst backen (Menü Pose, Animation, Aktion backen).",
    "Make a Loop": "Schleife machen",
    "Find the part of the character's animation that best comes back to where it began, and make it a loop in a new action: its"
    " last frame is its first, farther on. Within the preview range, where one is set": "Den Teil der Animation der Figur finden,"
    " der am besten dahin zurückkehrt, wo er begann, und daraus in einer neuen Aktion eine Schleife machen: ihr letztes Bild ist"
    " ihr erstes, ein Stück weiter. Im Vorschaubereich, wo einer gesetzt ist",
    "Nothing in this animation comes back to the pose that it left.": "Nichts in dieser Animation kehrt zu der Pose zurück, die es"
    " verließ.",
    "Choose one in which somebody does the same at least twice, such as two steps with each foot.": "Eine wählen, in der jemand"
    " dasselbe mindestens zweimal tut, zum Beispiel zwei Schritte mit jedem Fuß.",
}
