package seed

import (
	"fmt"
	"slices"
	"strings"
)

// person is what a made-up user is called.
type person struct{ username, displayName string }

// personAt is the i-th made-up person. The first len(first) × len(last) have names of their own, in an order in which
// neighbours share neither part; later ones get a number.
func personAt(i int) person {
	first, last := strings.Fields(firstNames), strings.Fields(lastNames)
	round, i := i/(len(first)*len(last)), i%(len(first)*len(last))
	f := first[i%len(first)]
	l := last[(i/len(first)+7*(i%len(first)))%len(last)]
	p := person{username: strings.ToLower(f + "." + l), displayName: f + " " + l}
	if round > 0 {
		p.username += fmt.Sprint(round + 1)
	}
	return p
}

const firstNames = `
	Ada Adrian Aiko Aisha Alina Amara Amir Anders Anita Anton Arjun Astrid Aurora Bashir Beatriz Bela Bianca Bjorn
	Bram Camila Cedric Chiara Chloe Clara Dalia Daniel Daria David Deniz Diego Dimitri Ebba Edith Elena Elias Elif
	Emeka Emil Esther Ewa Fatima Felix Fiona Florian Freya Gabriel Gita Greta Hana Hassan Helena Hugo Ida Igor Imani
	Ines Ingrid Isaac Ivan Jana Jasper Joana Jonas Julia Kaito Karim Katya Kofi Lara Leila Leo Lina Linh Luca Lucia
	Magnus Malik Mara Marek Maria Mateo Maya Mei Mila Milan Mira Moses Nadia Naomi Nils Nina Noor Olga Omar Oskar Paula
	Pedro Petra Priya Rafael Ravi Rosa Ruth Samir Sara Selma Sofia Stefan Tariq Theo Thuy Tomas Uma Vera Viktor Yara
	Yusuf Zoe`

const lastNames = `
	Abara Acosta Adeyemi Ahlberg Alvarez Amari Andersen Aoki Bakker Barros Becker Berg Bianchi Blanc Bosch Brandt
	Campos Carlsen Castro Chen Costa Cruz Dahl Dang Delgado Demir Diaz Dubois Duran Ekstrom Eriksen Esposito Falk
	Farah Ferrari Fischer Fontaine Fuchs Garcia Gomez Greco Gupta Haddad Hall Hansen Haugen Hoang Holm Horvat Ito
	Ivanov Jansen Jensen Kaplan Kaya Keita Keller Khan Kimura Klein Kovac Kowalski Kruger Lam Lange Laurent Lehto
	Lindqvist Lopes Lund Maier Mancini Marin Martins Mensah Moreau Mori Mueller Nakata Ncube Nguyen Nielsen Novak
	Nowak Okafor Olsen Ortiz Osei Park Patel Pereira Petrov Popescu Qureshi Rahman Ramos Rao Ricci Rivera Romano Rossi
	Sato Schmidt Shah Silva Simon Singh Sousa Suzuki Tanaka Torres Varga Vargas Virtanen Vogel Weber Winter Wolf Yilmaz`

// theme is what a group is about.
type theme struct {
	name        string
	description string
	channels    []channelName // besides those that any group may have
}

// channelName is a channel's name and topic.
type channelName struct{ name, topic string }

// groupAt is the theme of the i-th made-up group; its name tells a place, and a number once the places are used up.
func groupAt(i int) theme {
	kinds, towns := themes(), strings.Fields(places)
	t := kinds[i%len(kinds)]
	town := towns[(i/len(kinds)+5*(i%len(kinds)))%len(towns)]
	t.name = town + " " + t.name
	if round := i / (len(kinds) * len(towns)); round > 0 {
		t.name += fmt.Sprintf(" %d", round+1)
	}
	return t
}

// channelAt is the n-th channel, from 0, of a group beside "general".
func (t theme) channelAt(n int) channelName {
	all := slices.Concat(t.channels, commonChannels())
	c := all[n%len(all)]
	if round := n / len(all); round > 0 {
		c.name += fmt.Sprintf("-%d", round+1)
	}
	return c
}

const places = `
	Riverside Northgate Harbor Eastfield Hillcrest Lakeview Oldtown Westbrook Millpond Stonebridge Greenway Fairview
	Kingsway Marketplace Sunnyside Maple Elmwood Seaview Orchard Foxhill Brookside Ashford Highland`

func commonChannels() []channelName {
	return []channelName{
		{"random", "Everything that fits nowhere else"},
		{"planning", "Dates, tasks, who does what"},
		{"photos", "Pictures, with a word about them"},
		{"help", "There are no stupid questions"},
		{"organizers", "Behind the scenes"},
		{"announcements", "Short and rare"},
		{"events", "What is on, and who is going"},
		{"lost-and-found", ""},
		{"newcomers", "Say hello"},
		{"links", "Worth reading"},
		{"feedback", "What could be better"},
		{"archive", "Old plans and minutes"},
	}
}

func themes() []theme {
	return []theme{
		{"Running Club", "Runs on Tuesdays and Sundays, every pace welcome.", []channelName{{"routes", "Where to next"}, {"races", "Sign-ups and results"}, {"shoes", ""}}},
		{"Platform Team", "The people who keep the lights on.", []channelName{{"deploys", "What goes out, and when"}, {"incidents", "What is broken right now"}, {"reviews", "Looking for a second pair of eyes"}}},
		{"Book Circle", "One book a month, and a lot of opinions.", []channelName{{"now-reading", "No spoilers past chapter ten"}, {"suggestions", "What should be next"}}},
		{"Neighbours", "Looking out for each other, and borrowing ladders.", []channelName{{"borrow", "Ladders, drills, cake tins"}, {"garden", "The shared one behind the house"}, {"parcels", "Who has mine?"}}},
		{"Cycling", "Road, gravel, and far too many punctures.", []channelName{{"rides", "Saturdays at eight"}, {"workshop", "Squeaks and rattles"}}},
		{"Choir", "Rehearsals on Thursday evenings.", []channelName{{"rehearsals", ""}, {"repertoire", "What we sing and why"}, {"concerts", "Dates and dress code"}}},
		{"Film Society", "A film every second Friday.", []channelName{{"program", "What we show"}, {"recommendations", ""}}},
		{"Product", "Roadmap, research, and the courage to say no.", []channelName{{"roadmap", "Now, next, later"}, {"research", "What people told us"}, {"launches", ""}}},
		{"Climbing Crew", "Indoor all winter, outdoor when it dries.", []channelName{{"partners", "Who is free to belay"}, {"gear", ""}, {"trips", "Rock far away"}}},
		{"Parents", "Class representatives and everybody else.", []channelName{{"homework", "What was it again?"}, {"rides", "Lifts to training"}, {"summer-fair", "Stalls and volunteers"}}},
		{"Kitchen Table", "Recipes, failures included.", []channelName{{"recipes", ""}, {"baking", "Sourdough has its own rules"}, {"market", "What is fresh this week"}}},
		{"Photography", "A theme a month and a walk a quarter.", []channelName{{"critique", "Kind and honest"}, {"walks", "Where the light is good"}}},
		{"Board Games", "Long games on Sundays, short ones on Wednesdays.", []channelName{{"tables", "Seats left"}, {"rules", "Settled once and for all"}}},
		{"Support Desk", "Answers for people who write to us.", []channelName{{"escalations", "Needs an engineer"}, {"macros", "Texts to reuse"}, {"shifts", "Who is on when"}}},
		{"Makers", "Soldering irons, saws and strong coffee.", []channelName{{"projects", "Show it before it is finished"}, {"tools", "Booked and broken"}}},
		{"Language Exchange", "Half an hour each way.", []channelName{{"tandem", "Find a partner"}, {"grammar", "Why though"}}},
		{"Hiking", "Hills at the weekend, whatever the forecast.", []channelName{{"trails", ""}, {"carpool", "Seats and meeting points"}, {"huts", "Beds for the night"}}},
		{"Design Guild", "Critique on Mondays, pixels all week.", []channelName{{"critique", "Work in progress"}, {"type", "Fonts and feelings"}, {"icons", ""}}},
		{"Allotments", "Plots 1 to 40, one very old shed.", []channelName{{"plots", ""}, {"seeds", "Swap, don't buy"}, {"watering", "The rota"}}},
		{"Football", "Seven a side under the lights.", []channelName{{"line-up", "In or out by noon"}, {"kit", "Who has the bibs"}}},
		{"Data Team", "Questions, answers and the queries in between.", []channelName{{"dashboards", ""}, {"pipelines", "Red and green"}, {"questions", "Ask with context"}}},
		{"Theatre Group", "One play a year and all the drama around it.", []channelName{{"script", "Cuts and changes"}, {"props", "Who has a top hat"}, {"lights", ""}}},
	}
}
